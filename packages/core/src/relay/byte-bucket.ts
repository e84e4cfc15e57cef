/**
 * A token bucket whose tokens are bytes: a rate that a relay announces to its clients and holds them to.
 * Refilled from the time it is told; holds no timer.
 */
import { after, type Instant } from '../base/instant.js';
import type { TokenBucketLimit } from './hello.js';

export class ByteBucket {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  #tokens: number;
  #filledAt: Instant;

  /** Starts full. */
  constructor(limit: TokenBucketLimit, now: Instant) {
    this.#bytesPerMs = limit.bytesPerSecond / 1000;
    this.#burstBytes = limit.burstBytes;
    this.#tokens = limit.burstBytes;
    this.#filledAt = now;
  }

  /**
   * Takes `cost` bytes; false, and nothing taken, when there are too few. A cost above the burst passes on a full
   * bucket, which then owes the rest: otherwise it could never pass.
   */
  take(cost: number, now: Instant): boolean {
    this.#fill(now);
    if (this.#tokens < Math.min(cost, this.#burstBytes)) return false;
    this.#tokens -= cost;
    return true;
  }

  /** When `cost` bytes could be taken if nobody else takes any. */
  readyAt(cost: number, now: Instant): Instant {
    this.#fill(now);
    const missing = Math.min(cost, this.#burstBytes) - this.#tokens;
    return missing <= 0 ? now : after(now, missing / this.#bytesPerMs);
  }

  #fill(now: Instant): void {
    const elapsedMs = Math.max(0, now - this.#filledAt);
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + elapsedMs * this.#bytesPerMs);
    this.#filledAt = now;
  }
}
