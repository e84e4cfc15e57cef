/**
 * Whose timers come next, among thousands: a heap of turns, one per peer.
 *
 * A turn's time is a lower bound of its owner's deadlines. Making it earlier moves it up in the heap; a
 * deadline that moves away or is disarmed changes nothing here, so arming a timer per packet is a
 * comparison. When a turn comes, its owner fires what is due and asks for its next one.
 */
import type { Instant } from '../base/instant.js';

const NEVER = Number.POSITIVE_INFINITY;
const NOWHERE = -1;

/** One owner's place in a schedule. */
export class Turn {
  /** When the owner is called at the latest; infinite: not at all. Written by {@link Schedule}. */
  at = NEVER;
  /** Where in the heap. Written by {@link Schedule}. */
  place = NOWHERE;
  readonly #fire: (now: Instant) => void;

  /** `fire` is called when the turn has come, and asks for the next one if there is one. */
  constructor(fire: (now: Instant) => void) {
    this.#fire = fire;
  }

  fire(now: Instant): void {
    this.#fire(now);
  }
}

export class Schedule {
  /** No turn is earlier than its parent at (place - 1) / 2. */
  readonly #heap: Turn[] = [];

  /** The earliest turn; undefined: none. */
  get at(): Instant | undefined {
    return this.#heap[0]?.at as Instant | undefined;
  }

  /** Turns that are waited for. */
  get size(): number {
    return this.#heap.length;
  }

  /** Makes sure that `turn` comes by `at`. */
  by(turn: Turn, at: number): void {
    if (at >= turn.at) return;
    turn.at = at;
    if (turn.place === NOWHERE) turn.place = this.#heap.length;
    this.#raise(turn);
  }

  /** Takes `turn` out. */
  cancel(turn: Turn): void {
    const { place } = turn;
    if (place === NOWHERE) return;
    turn.at = NEVER;
    turn.place = NOWHERE;
    const last = this.#heap.pop();
    if (last === undefined || last === turn) return;
    last.place = place;
    this.#raise(last);
    this.#lower(last);
  }

  /** Takes out the earliest turn that has come; undefined: none has. */
  takeDue(now: Instant): Turn | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.cancel(first);
    return first;
  }

  #raise(turn: Turn): void {
    while (turn.place > 0) {
      const parent = this.#heap[(turn.place - 1) >> 1];
      if (parent === undefined || parent.at <= turn.at) break;
      this.#put(parent, turn.place, turn);
    }
    this.#heap[turn.place] = turn;
  }

  #lower(turn: Turn): void {
    for (;;) {
      const left = this.#heap[2 * turn.place + 1];
      const right = this.#heap[2 * turn.place + 2];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= turn.at) break;
      this.#put(child, turn.place, turn);
    }
    this.#heap[turn.place] = turn;
  }

  /** Moves `moved` to `place`, which `turn` leaves for the place that `moved` had. */
  #put(moved: Turn, place: number, turn: Turn): void {
    turn.place = moved.place;
    moved.place = place;
    this.#heap[place] = moved;
  }
}
