/** How often one source may ask for something before we know who it is; by address, IPv6 by /64. */
import type { Instant } from '@warren/core/base/instant';
import { TokenBucket } from '@warren/core/base/token-bucket';
import { sourceOf } from './source-limits.js';

/** Sources remembered; the one that asked longest ago is forgotten. */
const SOURCES_MAX = 8192;

export class SourceRates {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** `burst` at once, then `perSecond`. */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** What to tell a source that asked too often, in seconds: by then it has one again. */
  get retryAfterSeconds(): number {
    return Math.ceil(1 / this.#perSecond);
  }

  /** Counts a try; false: too many. */
  take(address: string, now: Instant): boolean {
    return this.#bucketOf(address).take(now);
  }

  /** A try that was none of those that are counted. */
  giveBack(address: string): void {
    this.#bucketOf(address).giveBack(1);
  }

  #bucketOf(address: string): TokenBucket {
    const source = sourceOf(address);
    const bucket = this.#buckets.get(source) ?? new TokenBucket(this.#burst, this.#perSecond);
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > SOURCES_MAX && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
