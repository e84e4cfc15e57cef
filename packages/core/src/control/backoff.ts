/** Waiting between tries: the n-th failure waits min(n^2 * 10 ms, 30 s), times 0.5 to 1.5 at random. */

import { after, type Instant } from '../base/instant.js';
import { randomFraction } from '../base/random.js';
import type { Random } from '../ports.js';

/** One lost packet costs 10 ms; a server that is down is asked about every 30 s after ten minutes. */
const unitMs = 10;
const waitMaxMs = 30_000;

export class Backoff {
  readonly #random: Random;
  #failures = 0;
  #until: Instant | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** When the next try is due; undefined: at once. */
  get until(): Instant | undefined {
    return this.#until;
  }

  isDue(now: Instant): boolean {
    return this.#until === undefined || this.#until <= now;
  }

  /** Counts a failure; the wait is at least `waitMinMs`, for servers that name a time. */
  fail(now: Instant, waitMinMs = 0): void {
    this.#failures++;
    const waitMs = Math.min(this.#failures ** 2 * unitMs, waitMaxMs);
    const spread = waitMs * (0.5 + randomFraction(this.#random));
    this.#until = after(now, Math.max(waitMinMs, spread));
  }

  /** Something worked. */
  reset(): void {
    this.#failures = 0;
    this.#until = undefined;
  }
}
