/**
 * The addresses at which peers may reach us, in the order in which they are worth trying:
 *
 *     1  STUN addresses of the last report (stun)
 *     2  behind a mapping that varies: the public IP with our configured port, which somebody may have
 *        forwarded (stunLocalPort)
 *     3  1 and 2 of the last 5 min 10 s: a mapping outlives a flap, and hard NATs have several (as found)
 *     4  static endpoints of the configuration (static)
 *     5  the interfaces' addresses with the bound port; loopback only if there is nothing else (local)
 *
 * Those that strangers were proven to reach come before the others, and configured or mapped ones that were proven
 * dead come last. Numbers of types are control's. Before the first report, and from a change of network until the next one,
 * nothing is told: peers would be sent to a half-known place.
 */
import { after, type Instant } from '../base/instant.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  familyOf,
  type IpAddress,
} from '../ip/address.js';
import { isLinkLocal, isLoopback } from '../ip/classes.js';
import type { Verified } from '../netcheck/nat-class.js';
import { advertisedAddresses, type NetcheckReport } from '../netcheck/report.js';
import { EndpointType, type OwnEndpoint } from '../netmap/own.js';

/** Two full reports and a little: an address that is still right has been seen again by then. */
export const endpointLifetimeMs = 310_000;
/** Kept per public IP: a hard NAT shows a new port to every server. */
export const maxEndpointsPerIp = 6;
/** Told to control at most; the surest come first. */
export const maxOwnEndpoints = 64;

const loopback = ['127.0.0.1', '::1'] as IpAddress[];

interface Sighting {
  readonly type: EndpointType;
  readonly seenAt: Instant;
}

export interface OwnEndpointsOptions {
  /** The configured port; 0: none. */
  readonly listenPort: number;
  readonly staticEndpoints: readonly Endpoint[];
  /** The port that our socket of a family is bound to. */
  readonly portOf: (family: 4 | 6) => number | undefined;
  /** Whether strangers reach an endpoint; absent: nothing is known of any. */
  readonly verified?: (of: Endpoint) => Verified;
}

export class OwnEndpoints {
  readonly #options: OwnEndpointsOptions;
  /** Newest last. */
  readonly #sightings = new Map<Endpoint, Sighting>();
  #current: readonly OwnEndpoint[] = [];
  #static: readonly Endpoint[];
  #localAddresses: readonly IpAddress[] | undefined;
  /** Of the router's port mapping; peers may use them. */
  mapped: readonly Endpoint[] = [];
  /** Of the NAT64 that our IPv6 goes through to IPv4. */
  behindNat64: Endpoint | undefined;
  #reportedAt: Instant | undefined;
  #told: readonly OwnEndpoint[] | undefined;

  constructor(options: OwnEndpointsOptions) {
    this.#options = options;
    this.#static = options.staticEndpoints;
  }

  /** When the last report was taken; undefined: none since the start or the last change of network. */
  get reportedAt(): Instant | undefined {
    return this.#reportedAt;
  }

  /** Loopback is all this machine has. */
  get onlyLoopback(): boolean {
    return this.#localAddresses?.every(isLoopback) ?? false;
  }

  /** Replaces those of the configuration. */
  setStaticEndpoints(endpoints: readonly Endpoint[]): void {
    this.#static = endpoints;
  }

  setLocalAddresses(addresses: readonly IpAddress[]): void {
    this.#localAddresses = addresses;
  }

  report(report: NetcheckReport, now: Instant): void {
    this.#reportedAt = now;
    const found: OwnEndpoint[] = advertisedAddresses(report).map((address) => ({
      endpoint: address,
      type: EndpointType.stun,
    }));
    const { globalV4, mappingVariesByDestIp } = report;
    if (globalV4 !== undefined && mappingVariesByDestIp === true && this.#options.listenPort > 0) {
      const guess = endpoint(endpointAddress(globalV4), this.#options.listenPort);
      if (!found.some((own) => own.endpoint === guess)) {
        found.push({ endpoint: guess, type: EndpointType.stunLocalPort });
      }
    }
    this.#current = found;
    for (const own of found) {
      this.#sightings.delete(own.endpoint);
      this.#sightings.set(own.endpoint, { type: own.type, seenAt: now });
    }
    this.#limitPerIp();
  }

  /** What was seen belongs to another network; nothing is told until the next report. */
  networkChanged(): void {
    this.#current = [];
    this.#sightings.clear();
    this.#reportedAt = undefined;
  }

  /** Our sockets' local addresses: a peer that names one of them means itself, or lies. */
  localSockets(): readonly Endpoint[] {
    const addresses = this.#localAddresses;
    if (addresses === undefined) return [];
    return (addresses.length === 0 ? loopback : addresses).flatMap((address) => {
      const port = this.#options.portOf(familyOf(address));
      return port === undefined ? [] : endpoint(address, port);
    });
  }

  /** The list as of now, without duplicates. */
  list(now: Instant): readonly OwnEndpoint[] {
    const list = new Map<Endpoint, EndpointType>();
    const add = (of: Endpoint, type: EndpointType): void => {
      if (!list.has(of)) list.set(of, type);
    };
    for (const of of this.mapped) add(of, EndpointType.portmap);
    for (const own of this.#current) add(own.endpoint, own.type);
    if (this.behindNat64 !== undefined) add(this.behindNat64, EndpointType.stun);
    for (const [of, { type, seenAt }] of [...this.#sightings].reverse()) {
      if (now < after(seenAt, endpointLifetimeMs)) add(of, type);
    }
    for (const of of this.#static) add(of, EndpointType.static);
    for (const of of this.localSockets()) {
      const address = endpointAddress(of);
      // Without its zone nobody can use it.
      if (familyOf(address) === 6 && isLinkLocal(address)) continue;
      add(of, EndpointType.local);
    }
    const own = [...list].map(([of, type]) => ({ endpoint: of, type }));
    return own.sort((a, b) => this.#rank(a) - this.#rank(b)).slice(0, maxOwnEndpoints);
  }

  /** The list when its set is another one than was told last; it counts as told. */
  takeChange(now: Instant): readonly OwnEndpoint[] | undefined {
    if (this.#reportedAt === undefined) return undefined;
    const list = this.list(now);
    if (this.#told !== undefined && sameSet(this.#told, list)) return undefined;
    this.#told = list;
    return list;
  }

  /** Forgets addresses that ran out; the list without them is told by {@link takeChange}. */
  expire(now: Instant): void {
    for (const [of, { seenAt }] of this.#sightings) {
      if (now >= after(seenAt, endpointLifetimeMs)) this.#sightings.delete(of);
    }
  }

  /** When the oldest address runs out. */
  nextTimeout(): Instant | undefined {
    for (const { seenAt } of this.#sightings.values()) return after(seenAt, endpointLifetimeMs);
    return undefined;
  }

  /** Sorting keeps the order of equals. */
  #rank({ endpoint: of, type }: OwnEndpoint): number {
    const verified = this.#options.verified?.(of);
    if (verified === 'yes') return 0;
    if (verified === 'port-only') return 1;
    const isRepairable = type === EndpointType.static || type === EndpointType.portmap;
    return verified === 'no' && isRepairable ? 3 : 2;
  }

  #limitPerIp(): void {
    const counts = new Map<IpAddress, number>();
    for (const of of [...this.#sightings.keys()].reverse()) {
      const address = endpointAddress(of);
      const count = (counts.get(address) ?? 0) + 1;
      counts.set(address, count);
      if (count > maxEndpointsPerIp) this.#sightings.delete(of);
    }
  }
}

/** Same endpoints with the same types, in any order. */
function sameSet(a: readonly OwnEndpoint[], b: readonly OwnEndpoint[]): boolean {
  const types = new Map(a.map((own) => [own.endpoint, own.type]));
  return a.length === b.length && b.every((own) => types.get(own.endpoint) === own.type);
}
