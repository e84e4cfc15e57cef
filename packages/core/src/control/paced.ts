/** A value that may change at any time, and is told at most every so often: the latest one, once it may. */
import { after, type Instant } from '../base/instant.js';

export class Paced<Value> {
  readonly #gapMs: number;
  #told: Value | undefined;
  #latest: Value | undefined;
  #toldAt: Instant | undefined;

  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  set(value: Value): void {
    this.#latest = value;
  }

  /** What is to be told at `now`: the latest value, or for a while still the one before. */
  take(now: Instant): Value | undefined {
    const until = this.nextTimeout();
    if (this.#latest !== this.#told && (until === undefined || now >= until)) {
      this.#told = this.#latest;
      this.#toldAt = now;
    }
    return this.#told;
  }

  /** When a value that waits may be told; undefined: none waits. */
  nextTimeout(): Instant | undefined {
    if (this.#latest === this.#told || this.#toldAt === undefined) return undefined;
    return after(this.#toldAt, this.#gapMs);
  }
}
