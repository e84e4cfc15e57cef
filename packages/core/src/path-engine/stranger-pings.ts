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
import { TokenBuckets } from '../base/token-buckets.js';
import { type Endpoint, endpointAddress, familyOf, type IpAddress } from '../ip/address.js';
import { type Prefix, prefixOf } from '../ip/prefix.js';

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

const PREFIX_BITS = { 4: 24, 6: 56 } as const;

export class StrangerPings {
  readonly #counters: Counters;
  readonly #addresses = new TokenBuckets<IpAddress>(addressPings, bucketsMax);
  readonly #prefixes = new TokenBuckets<Prefix>(prefixPings, bucketsMax);
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
    if (!this.#addresses.take(address, now)) refusal = 'address';
    else if (!this.#prefixes.take(prefixOf(address, PREFIX_BITS[familyOf(address)]), now))
      refusal = 'prefix';
    else if (!this.#total.take(now)) refusal = 'total';
    if (refusal !== undefined) this.#counters.add(`ping-stranger-${refusal}-limit`);
    return refusal === undefined;
  }

  /** An authenticated pong to our ping came from `remote`. */
  answered(remote: Endpoint): void {
    this.#answered.delete(remote);
    this.#answered.add(remote);
    if (this.#answered.size <= answeredMax) return;
    for (const oldest of this.#answered) {
      this.#answered.delete(oldest);
      break;
    }
  }
}
