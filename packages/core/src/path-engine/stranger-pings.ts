/**
 * How much we ping addresses that never answered us, over all peers together.
 *
 * Peers say where they are, so they can name somebody who has nothing to do with it. Each peer's list and calls are
 * limited where they come in (paths/candidates.ts, paths/discovery.ts); here many peers that name one host, or the hosts
 * of one network, are. An endpoint from which an authenticated pong came is no stranger any more: only who got our ping
 * can have sent it.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import {
  addressBytes16,
  type Endpoint,
  endpointAddress,
  familyOf,
  type IpAddress,
} from '../ip/address.js';

/** An office of a hundred peers behind one address, each with two ports, in one round; then as often as rounds come. */
export const addressPings = { burst: 200, perSecond: 20 } as const;
/** Of one /24 or /56: a LAN with a peer at each address. */
export const prefixPings = { burst: 500, perSecond: 40 } as const;
/** Of all strangers; a ping has 150 bytes, so this is half a megabit. */
export const totalPings = { burst: 4_000, perSecond: 400 } as const;
/** Buckets kept of each kind; who was pinged longest ago is forgotten, with a full bucket again. */
const bucketsMax = 4_096;
/** Endpoints that answered; more peers than an ordinary node talks to. */
const answeredMax = 8_192;

const PREFIX_BYTES = { 4: 15, 6: 7 } as const;

type Limit = typeof addressPings | typeof prefixPings;

export class StrangerPings {
  readonly #counters: Counters;
  readonly #addresses = new Map<string, TokenBucket>();
  readonly #prefixes = new Map<string, TokenBucket>();
  readonly #total = new TokenBucket(totalPings.burst, totalPings.perSecond);
  /** Oldest first. */
  readonly #answered = new Set<Endpoint>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Whether a ping may go to `remote` now; it counts as sent. Refusals are counted by reason. */
  take(remote: Endpoint, now: Instant): boolean {
    if (this.#answered.has(remote)) return true;
    const address = endpointAddress(remote);
    let refusal: string | undefined;
    if (!bucketOf(this.#addresses, address, addressPings).take(now)) refusal = 'address';
    else if (!bucketOf(this.#prefixes, prefixOf(address), prefixPings).take(now))
      refusal = 'prefix';
    else if (!this.#total.take(now)) refusal = 'total';
    if (refusal !== undefined) this.#counters.add(`ping-stranger-${refusal}-limit`);
    return refusal === undefined;
  }

  /** An authenticated pong to our ping came from `remote`. */
  answered(remote: Endpoint): void {
    this.#answered.delete(remote);
    this.#answered.add(remote);
    dropOldest(this.#answered, answeredMax);
  }
}

function prefixOf(address: IpAddress): string {
  return addressBytes16(address).subarray(0, PREFIX_BYTES[familyOf(address)]).join('.');
}

function bucketOf(buckets: Map<string, TokenBucket>, name: string, limit: Limit): TokenBucket {
  const bucket = buckets.get(name) ?? new TokenBucket(limit.burst, limit.perSecond);
  buckets.delete(name);
  buckets.set(name, bucket);
  dropOldest(buckets, bucketsMax);
  return bucket;
}

function dropOldest<Key>(
  of: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  max: number,
): void {
  if (of.size <= max) return;
  const oldest = of.keys().next();
  if (oldest.done !== true) of.delete(oldest.value);
}
