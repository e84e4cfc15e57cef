/**
 * The direct path that one peer's data takes, how long it is trusted, and who watches it.
 */
import { after, type Instant } from '../base/instant.js';
import { isBetterPath, type RatedPath } from './better-path.js';
import type { Candidate, CandidateTable } from './candidates.js';
import { Carriage, condemnedMs } from './carriage.js';
import { Suspicion } from './suspicion.js';

/** A pong makes its path exclusive for this long: two heartbeats and half a second. */
export const trustMs = 6500;

function rate(candidate: Candidate): RatedPath {
  return { path: candidate.path, latencyMs: candidate.quality.judgedMs ?? Infinity };
}

export class Choice {
  readonly suspicion = new Suspicion();
  readonly carriage = new Carriage();
  readonly #candidates: CandidateTable;
  #best: Candidate | undefined;
  #trustEndsAt: Instant | undefined;

  constructor(candidates: CandidateTable) {
    this.#candidates = candidates;
  }

  get best(): Candidate | undefined {
    return this.#best;
  }

  /** From then on data goes over the relay as well; undefined: it does already. */
  get trustEndsAt(): Instant | undefined {
    return this.#trustEndsAt;
  }

  /** Takes another path, or none. It is not trusted by that. */
  adopt(candidate: Candidate | undefined): void {
    this.#best = candidate;
    this.#candidates.inUse = candidate;
    this.#trustEndsAt = undefined;
    this.calm();
  }

  /** The path in use answered at `answeredAt`. */
  trust(answeredAt: Instant): void {
    this.#trustEndsAt = after(answeredAt, trustMs);
    this.suspicion.answered(this.#best?.quality.latencyMs ?? 0);
  }

  distrust(): void {
    this.#trustEndsAt = undefined;
  }

  /** Nobody watches any more: no session, or another path. */
  calm(): void {
    this.suspicion.reset();
    this.carriage.reset();
  }

  /** True when data should move from the path in use to `candidate`. */
  isBeatenBy(candidate: Candidate): boolean {
    return isBetterPath(rate(candidate), this.#best && rate(this.#best));
  }

  /** The best other candidate whose last pong is still worth trust. */
  runnerUp(now: Instant): Candidate | undefined {
    let found: Candidate | undefined;
    for (const candidate of this.#candidates) {
      const { answeredAt } = candidate;
      if (candidate === this.#best || isCondemned(candidate, now)) continue;
      if (answeredAt === undefined || now >= after(answeredAt, trustMs)) continue;
      if (isBetterPath(rate(candidate), found && rate(found))) found = candidate;
    }
    return found;
  }

  /** The path in use passes pings and drops data: keep it out for a while. */
  condemn(now: Instant): void {
    if (this.#best !== undefined) this.#best.condemnedUntil = after(now, condemnedMs);
  }
}

/** True while a candidate is kept out for not carrying data. */
export function isCondemned(candidate: Candidate, now: Instant): boolean {
  return candidate.condemnedUntil !== undefined && now < candidate.condemnedUntil;
}
