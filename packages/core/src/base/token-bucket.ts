/**
 * A token bucket: how often a peer may make us do something, or we bother a peer.
 *
 * Refilled from the time it is told; holds no timer.
 */
import type { Instant } from './instant.js';

export class TokenBucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: Instant | undefined;

  /** Starts full: `capacity` at once, then `perSecond`. */
  constructor(capacity: number, perSecond: number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#tokens = capacity;
  }

  /** Takes tokens, one unless told otherwise; false, and nothing taken, when there are fewer. */
  take(now: Instant, count = 1): boolean {
    const elapsedMs = Math.max(0, now - (this.#filledAt ?? now));
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs * this.#perSecond) / 1000);
    this.#filledAt = now;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Tokens that were taken and not spent; negative: more were spent, as far as there are any. */
  giveBack(count: number): void {
    this.#tokens = Math.max(0, Math.min(this.#capacity, this.#tokens + count));
  }
}
