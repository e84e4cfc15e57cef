/**
 * When the rounds of one search for a direct path are due: at once, after 1 s, after 2 s more, then every 5 s.
 */
import { after, type Instant } from '../base/instant.js';
import { candidateGapMs, type Discovery } from './discovery.js';

/** Between rounds, once a search lasts; any shorter and they would be empty. */
export const roundMs = candidateGapMs;
/** Between the first rounds: one lost call or ping then costs a second, not five. */
const earlyRoundsMs = [1000, 2000];

export class Search {
  readonly #discovery: Discovery;
  #nextAt: Instant | undefined;
  #since: Instant | undefined;
  /** Timed rounds so far. */
  #rounds = 0;

  constructor(discovery: Discovery) {
    this.#discovery = discovery;
  }

  /** When it began; undefined: none runs. */
  get since(): Instant | undefined {
    return this.#since;
  }

  /** Begins, or begins anew. */
  start(now: Instant): void {
    this.#rounds = 0;
    this.#since ??= now;
    this.#nextAt = after(now, this.#gapMs());
    this.#discovery.round(now);
  }

  stop(): void {
    this.#nextAt = undefined;
    this.#since = undefined;
  }

  runTimers(now: Instant): void {
    if (this.#nextAt === undefined || now < this.#nextAt) return;
    const gapMs = this.#gapMs();
    this.#rounds++;
    this.#nextAt = after(now, this.#gapMs());
    this.#discovery.round(now, gapMs);
  }

  nextTimeout(): Instant | undefined {
    return this.#nextAt;
  }

  #gapMs(): number {
    return earlyRoundsMs[this.#rounds] ?? roundMs;
  }
}
