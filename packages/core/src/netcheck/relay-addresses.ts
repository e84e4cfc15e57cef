/**
 * IP addresses of relays: literals of the relay map first, then a literal host name, then a look-up.
 *
 * Look-ups are the shell's. Their answers are kept and asked anew now and then; until a new answer comes
 * the old one serves.
 */
import type { Instant } from '../base/instant.js';
import { familyOf, type IpAddress, type IpFamily, parseAddress } from '../ip/address.js';
import type { RelayMap, RelayNode } from '../netmap/types.js';

/** A relay that moved is found again within two full reports. */
export const lookupLifetimeMs = 10 * 60_000;
/** After a look-up without an address; a report comes every 20 to 26 s. */
export const failedLookupLifetimeMs = 15_000;
/** A look-up that is never answered is asked again after this. */
export const lookupPatienceMs = 10_000;
/** Addresses kept per name. */
const maxAddresses = 8;

interface Lookup {
  askedAt: Instant;
  answeredAt: Instant | undefined;
  addresses: readonly IpAddress[];
}

/** The answer of a look-up that is under way. */
export const PENDING: unique symbol = Symbol('pending');

export type Pending = typeof PENDING;

export class RelayAddresses {
  readonly #lookups = new Map<string, Lookup>();

  /** Forgets names that the map has no more. */
  keepOnly(relayMap: RelayMap): void {
    const names = new Set<string>();
    for (const region of relayMap.regions.values()) {
      for (const node of region.nodes) names.add(node.hostName);
    }
    for (const host of this.#lookups.keys()) if (!names.has(host)) this.#lookups.delete(host);
  }

  /** The address of `node`; calls `ask` when its name must be looked up (again). */
  find(
    node: RelayNode,
    family: IpFamily,
    now: Instant,
    ask: (host: string) => void,
  ): IpAddress | Pending | undefined {
    const listed = family === 4 ? node.ipv4 : node.ipv6;
    if (listed !== undefined) return listed ?? undefined;
    const literal = parseAddress(node.hostName);
    if (literal !== undefined) return familyOf(literal) === family ? literal : undefined;
    const lookup = this.#lookup(node.hostName, now, ask);
    if (lookup.answeredAt === undefined) return PENDING;
    return lookup.addresses.find((address) => familyOf(address) === family);
  }

  /** The shell's answer; a name that wasn't asked for is ignored. */
  resolved(host: string, addresses: readonly IpAddress[], now: Instant): void {
    const lookup = this.#lookups.get(host);
    if (lookup === undefined) return;
    lookup.answeredAt = now;
    // A name server that is away for a moment doesn't take back what it said.
    if (addresses.length > 0) lookup.addresses = addresses.slice(0, maxAddresses);
  }

  #lookup(host: string, now: Instant, ask: (host: string) => void): Lookup {
    let lookup = this.#lookups.get(host);
    if (lookup !== undefined && !isStale(lookup, now)) return lookup;
    if (lookup === undefined) {
      lookup = { askedAt: now, answeredAt: undefined, addresses: [] };
      this.#lookups.set(host, lookup);
    }
    lookup.askedAt = now;
    ask(host);
    return lookup;
  }
}

function isStale(lookup: Lookup, now: Instant): boolean {
  const waiting = lookup.answeredAt === undefined || lookup.answeredAt < lookup.askedAt;
  if (waiting) return now - lookup.askedAt >= lookupPatienceMs;
  const lifetimeMs = lookup.addresses.length > 0 ? lookupLifetimeMs : failedLookupLifetimeMs;
  return now - lookup.askedAt >= lifetimeMs;
}
