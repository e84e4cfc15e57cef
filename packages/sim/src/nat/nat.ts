/**
 * A NAT at work: flows out get a port, packets in find their flow or are filtered.
 *
 *     out   known flow, else a port by mapping and allocation; a full table or range drops
 *     in    known flow; else a port mapping says who gets it, or there is but one host (an elastic IP); else,
 *           with weaker filtering, the flow's owner by port (and address) does. A flow begins, so that the
 *           answer leaves from the same port
 *
 * A stranger's packet for an inner host that already has a flow of its own to that very stranger would look
 * like part of it. Linux keeps the two apart by another source port, and so does this: what the inner host
 * answers to that port goes out to the true one.
 */
import type { Instant } from '@warren/core/base/instant';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '@warren/core/ip/address';
import type { NatBehaviour } from './behaviour.js';
import { CrossTraffic } from './cross-traffic.js';
import { type Flow, FlowTable } from './flow-table.js';
import { ANY_PORT, PortAllocator } from './port-allocator.js';

/** Who inside gets what arrives unasked at a port; undefined: nobody by this rule. */
export type InboundRule = (port: number, now: Instant) => Endpoint | undefined;

/** A packet on its way out: the port of its source, which of our addresses, and where it really goes. */
export interface Leaving {
  readonly port: number;
  readonly place: number;
  readonly remote: Endpoint;
}

/** A packet on its way in: who gets it and whom it is from, for the receiver. */
export interface Arriving {
  readonly inner: Endpoint;
  readonly source: Endpoint;
}

export interface NatOptions {
  /** In the order in which they are asked. */
  readonly rules?: readonly InboundRule[];
  /** An elastic IP's host at present: each of its ports is the same one outside, whoever had that before. */
  readonly onlyHost?: () => IpAddress | undefined;
  /** New flows of others behind this NAT, a second. */
  readonly crossTrafficPerSecond?: number;
  /** How many addresses outside a NAT with a pool has. */
  readonly places?: number;
}

export class Nat {
  readonly behaviour: NatBehaviour;
  readonly #flows: FlowTable;
  readonly #ports: PortAllocator;
  /** Ports of strangers that Linux had to choose anew: random ones. */
  readonly #otherPorts: PortAllocator;
  readonly #rules: readonly InboundRule[];
  readonly #onlyHost: () => IpAddress | undefined;
  readonly #others: CrossTraffic | undefined;
  /** Chooses an address outside for a new flow. */
  readonly #choosePlace: () => number;

  constructor(behaviour: NatBehaviour, random: SeededRandom, options: NatOptions = {}) {
    const {
      rules = [],
      onlyHost = () => undefined,
      crossTrafficPerSecond = 0,
      places = 1,
    } = options;
    this.behaviour = behaviour;
    this.#flows = new FlowTable(behaviour.lifetime, behaviour.flowsMax);
    this.#ports = new PortAllocator(behaviour.ports, random);
    this.#otherPorts = new PortAllocator(ANY_PORT, random);
    this.#rules = rules;
    this.#onlyHost = onlyHost;
    if (crossTrafficPerSecond > 0) {
      this.#others = new CrossTraffic(crossTrafficPerSecond, random, behaviour.lifetime.freshMs);
    }
    this.#choosePlace = behaviour.pooled ? () => random.below(places) : () => 0;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** A packet leaves; undefined: dropped. */
  outbound(inner: Endpoint, target: Endpoint, now: Instant): Leaving | undefined {
    this.#others?.until(now, (theirs, remote, at) => this.#begin(theirs, remote, at));
    const known = this.#flows.outbound(inner, target, now);
    if (known === undefined) {
      const begun = this.#begin(inner, target, now);
      return begun && { port: begun.port, place: begun.place, remote: target };
    }
    if (!known.outbound) known.replied = true;
    known.usedAt = now;
    known.sentAt = now;
    return { port: known.port, place: known.place, remote: known.remote };
  }

  /** A packet arrives at an outer port of one of our addresses; undefined: dropped. */
  inbound(port: number, remote: Endpoint, now: Instant, place = 0): Arriving | undefined {
    const known = this.#flows.inbound(port, remote, now);
    if (known !== undefined && known.place !== place) return undefined;
    if (known !== undefined) {
      if (known.outbound) known.replied = true;
      known.usedAt = now;
      return { inner: known.inner, source: known.seen };
    }
    const inner = this.#ruled(port, now) ?? this.#openTo(port, remote, place, now);
    if (inner === undefined) return undefined;
    const seen = this.#seenBy(inner, remote, now);
    if (seen === undefined) return undefined;
    const flow = flowOf({ inner, remote, seen, port, place }, now, false);
    return this.#flows.add(flow, now) ? { inner, source: seen } : undefined;
  }

  /** Forgets everything, as a router that was switched off and on. */
  reboot(): void {
    this.#flows.clear();
  }

  /** A new flow to the outside; undefined: dropped. */
  #begin(inner: Endpoint, remote: Endpoint, now: Instant): Flow | undefined {
    const port = this.#portFor(inner, remote, now);
    if (port === undefined) return undefined;
    const outer = { port, place: this.#choosePlace() };
    const flow = flowOf({ inner, remote, seen: remote, ...outer }, now, true);
    return this.#flows.add(flow, now) ? flow : undefined;
  }

  #ruled(port: number, now: Instant): Endpoint | undefined {
    for (const rule of this.#rules) {
      const inner = rule(port, now);
      if (inner !== undefined) return inner;
    }
    const only = this.#onlyHost();
    return only && endpoint(only, port);
  }

  /** The stranger's endpoint, with another port where the inner host has a flow to it already. */
  #seenBy(inner: Endpoint, remote: Endpoint, now: Instant): Endpoint | undefined {
    if (this.#flows.outbound(inner, remote, now) === undefined) return remote;
    const address = endpointAddress(remote);
    const isFree = (port: number): boolean =>
      this.#flows.outbound(inner, endpoint(address, port), now) === undefined;
    const port = this.#otherPorts.choose(endpointPort(remote), isFree);
    return port === undefined ? undefined : endpoint(address, port);
  }

  #portFor(inner: Endpoint, remote: Endpoint, now: Instant): number | undefined {
    const { mapping } = this.behaviour;
    // Towards one remote a port stands for one inner endpoint; towards others it may stand for another
    // (two hosts with the same port behind plain masquerade share it until they meet at one remote).
    const isOnly = endpointAddress(inner) === this.#onlyHost();
    const isFree = (port: number): boolean =>
      isOnly ||
      (this.#flows.inbound(port, remote, now) === undefined && !this.#isOwned(port, inner, now));
    if (mapping !== 'address-and-port-dependent') {
      const towards = mapping === 'address-dependent' ? endpointAddress(remote) : undefined;
      // Linux looks at the newest flow alone: who lost its port once keeps the other one.
      const latest = this.#flows.newestOf(inner, towards, now);
      if (latest !== undefined && isFree(latest.port)) return latest.port;
    }
    return this.#ports.choose(endpointPort(inner), isFree);
  }

  /** A NAT that lets strangers in by port has one owner for each. */
  #isOwned(port: number, inner: Endpoint, now: Instant): boolean {
    const { mapping, filtering } = this.behaviour;
    if (mapping !== 'endpoint-independent' || filtering === 'address-and-port-dependent') {
      return false;
    }
    return this.#flows.isOthers(port, inner, now);
  }

  /** Who has opened `port` for a remote it hasn't sent to. */
  #openTo(port: number, remote: Endpoint, place: number, now: Instant): Endpoint | undefined {
    const { filtering } = this.behaviour;
    if (filtering === 'address-and-port-dependent') return undefined;
    const address = endpointAddress(remote);
    for (const flow of this.#flows.through(port, now)) {
      if (flow.sentAt === undefined || flow.place !== place) continue;
      if (filtering === 'address-dependent' && flow.remoteAddress !== address) continue;
      return flow.inner;
    }
    return undefined;
  }
}

function flowOf(
  ends: Pick<Flow, 'inner' | 'remote' | 'seen' | 'port' | 'place'>,
  now: Instant,
  outbound: boolean,
): Flow {
  const remoteAddress = endpointAddress(ends.remote);
  const sentAt = outbound ? now : undefined;
  return { ...ends, remoteAddress, usedAt: now, replied: false, outbound, sentAt };
}
