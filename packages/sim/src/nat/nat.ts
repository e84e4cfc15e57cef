/**
 * A NAT at work: flows out get a port, packets in find their flow or are filtered.
 *
 *     out   known flow, else a port by mapping and allocation; a full table or range drops
 *     in    known flow; else, with weaker filtering, the flow's owner by port (and address) lets it in
 *           and a flow begins, so that the answer leaves from the same port
 */
import type { Instant } from '@warren/core/base/instant';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { type Endpoint, endpointAddress, endpointPort } from '@warren/core/ip/address';
import type { NatBehaviour } from './behaviour.js';
import { type Flow, FlowTable } from './flow-table.js';
import { PortAllocator } from './port-allocator.js';

export class Nat {
  readonly behaviour: NatBehaviour;
  readonly #flows: FlowTable;
  readonly #ports: PortAllocator;

  constructor(behaviour: NatBehaviour, random: SeededRandom) {
    this.behaviour = behaviour;
    this.#flows = new FlowTable(behaviour.lifetime, behaviour.flowsMax);
    this.#ports = new PortAllocator(behaviour.ports, random);
  }

  get size(): number {
    return this.#flows.size;
  }

  /** A packet leaves: the outer port of its source; undefined: dropped. */
  outbound(inner: Endpoint, remote: Endpoint, now: Instant): number | undefined {
    const known = this.#flows.outbound(inner, remote, now);
    if (known !== undefined) {
      if (!known.outbound) known.replied = true;
      known.usedAt = now;
      known.sentAt = now;
      return known.port;
    }
    const port = this.#portFor(inner, remote, now);
    if (port === undefined) return undefined;
    const flow = this.#flow(inner, remote, port, now, true);
    return this.#flows.add(flow, now) ? port : undefined;
  }

  /** A packet arrives at an outer port: who inside gets it; undefined: dropped. */
  inbound(port: number, remote: Endpoint, now: Instant): Endpoint | undefined {
    const known = this.#flows.inbound(port, remote, now);
    if (known !== undefined) {
      if (known.outbound) known.replied = true;
      known.usedAt = now;
      return known.inner;
    }
    const inner = this.#openTo(port, remote, now);
    if (inner === undefined) return undefined;
    const flow = this.#flow(inner, remote, port, now, false);
    return this.#flows.add(flow, now) ? inner : undefined;
  }

  /** Forgets everything, as a router that was switched off and on. */
  reboot(): void {
    this.#flows.clear();
  }

  #flow(inner: Endpoint, remote: Endpoint, port: number, now: Instant, outbound: boolean): Flow {
    const remoteAddress = endpointAddress(remote);
    const sentAt = outbound ? now : undefined;
    return { inner, remote, remoteAddress, port, usedAt: now, replied: false, outbound, sentAt };
  }

  #portFor(inner: Endpoint, remote: Endpoint, now: Instant): number | undefined {
    const { mapping } = this.behaviour;
    const address = endpointAddress(remote);
    // Towards one remote a port stands for one inner endpoint; towards others it may stand for another
    // (two hosts with the same port behind plain masquerade share it until they meet at one remote).
    const isFree = (port: number): boolean =>
      this.#flows.inbound(port, remote, now) === undefined && !this.#isOwned(port, inner, now);
    if (mapping !== 'address-and-port-dependent') {
      for (const flow of this.#flows.flows(now)) {
        if (flow.inner !== inner) continue;
        if (mapping === 'address-dependent' && flow.remoteAddress !== address) continue;
        if (isFree(flow.port)) return flow.port;
      }
    }
    return this.#ports.choose(endpointPort(inner), isFree);
  }

  /** A NAT that lets strangers in by port has one owner for each. */
  #isOwned(port: number, inner: Endpoint, now: Instant): boolean {
    const { mapping, filtering } = this.behaviour;
    if (mapping !== 'endpoint-independent' || filtering === 'address-and-port-dependent') {
      return false;
    }
    for (const flow of this.#flows.flows(now)) {
      if (flow.port === port && flow.inner !== inner) return true;
    }
    return false;
  }

  /** Who has opened `port` for a remote it hasn't sent to. */
  #openTo(port: number, remote: Endpoint, now: Instant): Endpoint | undefined {
    const { filtering } = this.behaviour;
    if (filtering === 'address-and-port-dependent') return undefined;
    const address = endpointAddress(remote);
    for (const flow of this.#flows.flows(now)) {
      if (flow.port !== port || flow.sentAt === undefined) continue;
      if (filtering === 'address-dependent' && flow.remoteAddress !== address) continue;
      return flow.inner;
    }
    return undefined;
  }
}
