/**
 * How often the hosts of one network may ask: a token bucket per /24 or /56, because a sender can choose any address
 * of its network. The table is bounded; the network that asked longest ago is forgotten first.
 */
import type { Instant } from '@warren/core/base/instant';
import { TokenBucket } from '@warren/core/base/token-bucket';
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixOf } from '@warren/core/ip/prefix';

/** The smallest networks that are routed alone. */
const IPV4_BITS = 24;
const IPV6_BITS = 56;

export interface PrefixLimit {
  readonly burst: number;
  readonly perSecond: number;
  readonly prefixesMax: number;
}

export class PrefixLimiter {
  readonly #limit: PrefixLimit;
  /** In order of last use. */
  readonly #buckets = new Map<Prefix, TokenBucket>();

  constructor(limit: PrefixLimit) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** False: the network of `source` has asked too often. */
  allow(source: IpAddress, now: Instant): boolean {
    const prefix = prefixOf(source, familyOf(source) === 4 ? IPV4_BITS : IPV6_BITS);
    let bucket = this.#buckets.get(prefix);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#limit.burst, this.#limit.perSecond);
      if (this.#buckets.size >= this.#limit.prefixesMax) this.#forgetOldest();
    } else {
      this.#buckets.delete(prefix);
    }
    this.#buckets.set(prefix, bucket);
    return bucket.take(now);
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
