/** What a bad link does to frames beside delaying them: it loses some and lets some be overtaken. Seeded. */
import { SeededRandom } from '@warren/core/base/seeded-random';

/** Of one direction. Shares are 0 to 1. */
export interface Disturbance {
  /** Share of frames that never arrive. */
  readonly lost: number;
  /** Share of frames that take {@link lateMs} longer than the rest, which overtakes them. */
  readonly late: number;
  readonly lateMs: number;
}

/** A disturbance of both directions of a link; each rolls its own dice. */
export interface LinkDisturbance extends Disturbance {
  /** As in the copier's reports. */
  readonly link: string;
  readonly seed: number;
}

export type Fate = 'on-time' | 'late' | 'lost';

/** Decides over one frame after the other. */
export class Fates {
  readonly #disturbance: Disturbance;
  readonly #random: SeededRandom;

  constructor(disturbance: Disturbance, seed: number) {
    this.#disturbance = disturbance;
    this.#random = new SeededRandom(seed);
  }

  next(): Fate {
    const { lost, late } = this.#disturbance;
    const drawn = this.#random.uint32() / 2 ** 32;
    if (drawn < lost) return 'lost';
    return drawn < lost + late ? 'late' : 'on-time';
  }
}
