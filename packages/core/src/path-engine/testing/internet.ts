/**
 * Moves datagrams between hosts, through their NATs, with latency, loss and faults. IPv4.
 *
 * A host has one address. Behind a NAT it is private, and other hosts of the same LAN reach it directly.
 */
import { assert } from '../../base/assert.js';
import type { EventHeap } from '../../base/event-heap.js';
import { after, type Instant } from '../../base/instant.js';
import type { SeededRandom } from '../../base/seeded-random.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '../../ip/address.js';
import { type Nat, sameLan } from './nat.js';

/** One way within a LAN. */
const lanMs = 0.5;

/** Where a host is plugged in. */
export interface Place {
  readonly address: IpAddress;
  /** Undefined: on the open internet. */
  readonly nat: Nat | undefined;
  /** One way to the middle of the internet. */
  readonly accessMs: number;
}

export interface Host extends Place {
  readonly receive: (port: number, source: Endpoint, bytes: Uint8Array) => void;
}

/** A datagram as the internet sees it, after the sender's NAT. */
export interface Crossing {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly bytes: Uint8Array;
}

export interface InternetOptions {
  readonly heap: EventHeap;
  readonly random: SeededRandom;
  readonly now: () => Instant;
  readonly trace: (line: string) => void;
}

export class Internet {
  /** Share of datagrams lost between NATs. */
  loss = 0;
  /** Datagrams for which it says true vanish. */
  fault: (crossing: Crossing) => boolean = () => false;
  /** Datagrams that crossed or were lost between NATs. */
  crossings = 0;

  readonly #options: InternetOptions;
  readonly #public = new Map<IpAddress, Host>();
  readonly #private = new Map<IpAddress, Host>();
  readonly #nats = new Map<IpAddress, { nat: Nat; accessMs: number }>();

  constructor(options: InternetOptions) {
    this.#options = options;
  }

  attach(host: Host): void {
    if (host.nat === undefined) {
      this.#public.set(host.address, host);
    } else {
      this.#private.set(host.address, host);
      this.#nats.set(host.nat.address, { nat: host.nat, accessMs: host.accessMs });
    }
  }

  detach(host: Host): void {
    const table = host.nat === undefined ? this.#public : this.#private;
    if (table.get(host.address) === host) table.delete(host.address);
  }

  /** Sends a datagram from a port of `host`. */
  send(host: Host, port: number, target: Endpoint, bytes: Uint8Array): void {
    const now = this.#options.now();
    const inner = endpoint(host.address, port);
    if (host.nat !== undefined && sameLan(inner, target)) {
      const neighbour = this.#private.get(endpointAddress(target));
      if (neighbour?.nat === host.nat)
        this.#arrive(after(now, lanMs), neighbour, inner, target, bytes);
      return;
    }
    const source = host.nat === undefined ? inner : host.nat.outbound(inner, target, now);
    this.crossings++;
    const crossing = { source, target, bytes };
    if (this.fault(crossing) || this.#options.random.fraction() < this.loss) {
      this.#options.trace(`lost ${source} > ${target} ${bytes.length}`);
      return;
    }
    this.#cross(crossing, host.accessMs);
  }

  #cross({ source, target, bytes }: Crossing, accessMs: number): void {
    const now = this.#options.now();
    const address = endpointAddress(target);
    const open = this.#public.get(address);
    if (open !== undefined) {
      this.#arrive(after(now, accessMs + open.accessMs), open, source, target, bytes);
      return;
    }
    const behind = this.#nats.get(address);
    if (behind === undefined) return;
    const at = after(now, accessMs + behind.accessMs);
    this.#options.heap.plan(at, () => {
      const inner = behind.nat.inbound(endpointPort(target), source, at);
      if (inner === undefined) {
        this.#options.trace(`filtered ${source} > ${target} ${bytes.length}`);
        return;
      }
      const host = this.#private.get(endpointAddress(inner));
      if (host?.nat === behind.nat) this.#receive(host, source, inner, bytes);
    });
  }

  #arrive(at: Instant, host: Host, source: Endpoint, target: Endpoint, bytes: Uint8Array): void {
    assert(at >= this.#options.now(), 'nothing arrives before it was sent');
    this.#options.heap.plan(at, () => this.#receive(host, source, target, bytes));
  }

  #receive(host: Host, source: Endpoint, target: Endpoint, bytes: Uint8Array): void {
    this.#options.trace(`udp ${source} > ${target} ${bytes.length}`);
    host.receive(endpointPort(target), source, bytes.slice());
  }
}
