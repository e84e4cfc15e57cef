/**
 * A value that may change at any time, and is told at most every so often: the latest one, once it may. The first
 * few tellings may follow each other at once: much is learnt at the start, and peers that wake then need it.
 */
import { after, type Instant } from '../base/instant.js';

export class Paced<Value> {
  readonly #gapMs: number;
  readonly #creditMs: number;
  #told: Value | undefined;
  #latest: Value | undefined;
  /** When all tellings so far are paid for by gaps; up to the credit may be owed. */
  #paidAt: Instant | undefined;

  /** `burst`: tellings in a row after a long silence. */
  constructor(gapMs: number, burst = 1) {
    this.#gapMs = gapMs;
    this.#creditMs = gapMs * (burst - 1);
  }

  set(value: Value): void {
    this.#latest = value;
  }

  /** What is to be told at `now`: the latest value, or for a while still the one before. */
  take(now: Instant): Value | undefined {
    const until = this.nextTimeout();
    if (this.#latest !== this.#told && (until === undefined || now >= until)) {
      this.#told = this.#latest;
      const paidAt = this.#paidAt;
      this.#paidAt = after(paidAt !== undefined && paidAt > now ? paidAt : now, this.#gapMs);
    }
    return this.#told;
  }

  /** When a value that waits may be told; undefined: none waits. */
  nextTimeout(): Instant | undefined {
    if (this.#latest === this.#told || this.#paidAt === undefined) return undefined;
    return after(this.#paidAt, -this.#creditMs);
  }
}
