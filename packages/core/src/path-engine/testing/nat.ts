/**
 * A NAT as RFC 4787 describes one: how it maps, whom it lets in, which ports it takes, how long it remembers.
 *
 *     easy   endpoint-independent mapping, address and port-dependent filtering, keeps the port if free
 *     hard   address and port-dependent mapping and filtering, random ports
 *     cone   endpoint-independent mapping and filtering
 */
import type { Instant } from '../../base/instant.js';
import type { SeededRandom } from '../../base/seeded-random.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '../../ip/address.js';

export interface NatBehaviour {
  readonly mapping: 'endpoint-independent' | 'address-and-port-dependent';
  readonly filtering: 'endpoint-independent' | 'address-and-port-dependent';
  readonly ports: 'preserving' | 'random';
  /** Since the last outbound packet. */
  readonly lifetimeMs: number;
}

export const easyNat: NatBehaviour = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: 'preserving',
  lifetimeMs: 30_000,
};

export const hardNat: NatBehaviour = {
  mapping: 'address-and-port-dependent',
  filtering: 'address-and-port-dependent',
  ports: 'random',
  lifetimeMs: 30_000,
};

export const coneNat: NatBehaviour = { ...easyNat, filtering: 'endpoint-independent' };

interface Mapping {
  readonly inner: Endpoint;
  readonly port: number;
  usedAt: Instant;
  /** Remotes that were sent to, with the time. */
  readonly remotes: Map<Endpoint, Instant>;
}

/** Ports that a NAT hands out when it doesn't keep the inner one. */
const lowestRandomPort = 1024;

export class Nat {
  readonly address: IpAddress;
  readonly #behaviour: NatBehaviour;
  readonly #random: SeededRandom;
  readonly #byInner = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();

  constructor(address: IpAddress, behaviour: NatBehaviour, random: SeededRandom) {
    this.address = address;
    this.#behaviour = behaviour;
    this.#random = random;
  }

  /** A packet leaves: its source as the outside sees it. */
  outbound(inner: Endpoint, remote: Endpoint, now: Instant): Endpoint {
    const dependent = this.#behaviour.mapping === 'address-and-port-dependent';
    const key = dependent ? `${inner} ${remote}` : inner;
    let mapping = this.#byInner.get(key);
    if (mapping === undefined || this.#isDead(mapping, now)) {
      if (mapping !== undefined) this.#byPort.delete(mapping.port);
      mapping = { inner, port: this.#freePort(inner, now), usedAt: now, remotes: new Map() };
      this.#byInner.set(key, mapping);
      this.#byPort.set(mapping.port, mapping);
    }
    mapping.usedAt = now;
    mapping.remotes.set(remote, now);
    return endpoint(this.address, mapping.port);
  }

  /** A packet arrives at a port of ours: who inside gets it; undefined: dropped. */
  inbound(port: number, remote: Endpoint, now: Instant): Endpoint | undefined {
    const mapping = this.#byPort.get(port);
    if (mapping === undefined || this.#isDead(mapping, now)) return undefined;
    if (this.#behaviour.filtering === 'endpoint-independent') return mapping.inner;
    const sentAt = mapping.remotes.get(remote);
    const open = sentAt !== undefined && now - sentAt < this.#behaviour.lifetimeMs;
    return open ? mapping.inner : undefined;
  }

  /** Forgets every mapping, as a router that was switched off and on. */
  reboot(): void {
    this.#byInner.clear();
    this.#byPort.clear();
  }

  #isDead(mapping: Mapping, now: Instant): boolean {
    return now - mapping.usedAt >= this.#behaviour.lifetimeMs;
  }

  #freePort(inner: Endpoint, now: Instant): number {
    const isFree = (port: number): boolean => {
      const holder = this.#byPort.get(port);
      return holder === undefined || this.#isDead(holder, now);
    };
    const own = endpointPort(inner);
    if (this.#behaviour.ports === 'preserving' && isFree(own)) return own;
    for (;;) {
      const port = lowestRandomPort + this.#random.below(65_536 - lowestRandomPort);
      if (isFree(port)) return port;
    }
  }
}

/** True for sources and targets inside the same private network: never translated. */
export function sameLan(a: Endpoint, b: Endpoint): boolean {
  const network = (of: Endpoint): string => endpointAddress(of).split('.').slice(0, 3).join('.');
  return network(a) === network(b);
}
