/**
 * A token bucket per key: how often each of many senders, addresses or networks may do something. Bounded: the key
 * that was used longest ago is forgotten first, and comes back with a full bucket.
 */
import type { Instant } from './instant.js';
import { RecentMap } from './recent-map.js';
import { TokenBucket } from './token-bucket.js';

/** `burst` at once, then `perSecond`. */
export interface BucketLimit {
  readonly burst: number;
  readonly perSecond: number;
}

export class TokenBuckets<Key> {
  readonly #limit: BucketLimit;
  /** In order of last use. */
  readonly #buckets: RecentMap<Key, TokenBucket>;

  constructor(limit: BucketLimit, keysMax: number) {
    this.#limit = limit;
    this.#buckets = new RecentMap(keysMax);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes `count` tokens of the key's bucket; false, and nothing taken, when there are not so many. */
  take(key: Key, now: Instant, count = 1): boolean {
    const { burst, perSecond } = this.#limit;
    const bucket = this.#buckets.get(key) ?? new TokenBucket(burst, perSecond);
    this.#buckets.set(key, bucket);
    return bucket.take(now, count);
  }

  /** As {@link TokenBucket.giveBack}; a key that was forgotten meanwhile is full anyway. */
  giveBack(key: Key, count: number): void {
    this.#buckets.get(key)?.giveBack(count);
  }
}
