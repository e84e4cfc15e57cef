/**
 * How often the hosts of one network may ask: a token bucket per /24 or /56, because a sender can choose any address
 * of its network. The table is bounded; the network that asked longest ago is forgotten first.
 */
import type { Instant } from '@warren/core/base/instant';
import { type BucketLimit, TokenBuckets } from '@warren/core/base/token-buckets';
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixOf } from '@warren/core/ip/prefix';

/** The smallest networks that are routed alone. */
const IPV4_BITS = 24;
const IPV6_BITS = 56;

export interface PrefixLimit extends BucketLimit {
  readonly prefixesMax: number;
}

export class PrefixLimiter {
  readonly #buckets: TokenBuckets<Prefix>;

  constructor({ prefixesMax, ...limit }: PrefixLimit) {
    this.#buckets = new TokenBuckets(limit, prefixesMax);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** False: the network of `source` has asked too often. */
  allow(source: IpAddress, now: Instant): boolean {
    return this.#buckets.take(
      prefixOf(source, familyOf(source) === 4 ? IPV4_BITS : IPV6_BITS),
      now,
    );
  }
}
