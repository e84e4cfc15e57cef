/** A checker watches a world and says where an invariant broke; it never changes anything. */
import type { SimClock } from '../clock/sim-clock.js';
import type { Observer } from '../world/observer.js';

/** Where an invariant did not hold. */
export interface Break {
  readonly checker: string;
  readonly atMs: number;
  readonly what: string;
}

/** A world that breaks at all often breaks all the time; the first ones tell what is wrong. */
const BREAKS_MAX = 20;

/** What all checkers of one world found. */
export class Breaks {
  readonly list: Break[] = [];
  readonly #clock: SimClock;
  #total = 0;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  get total(): number {
    return this.#total;
  }

  add(checker: string, what: string): void {
    this.#total++;
    if (this.list.length < BREAKS_MAX) this.list.push({ checker, atMs: this.#clock.now, what });
  }
}

export interface Checker extends Observer {
  /** Looks around; called once a second of the world's time. */
  look?(): void;
  /** The world ends. */
  finish?(): void;
}
