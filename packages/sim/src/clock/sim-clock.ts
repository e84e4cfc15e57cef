/**
 * The world's only clock: it stands still while an event runs and jumps to the next one.
 *
 * Nothing in a world reads another clock, so a world is as fast as its events and the same for ever.
 */
import { assert } from '@warren/core/base/assert';
import { EventHeap } from '@warren/core/base/event-heap';
import { after, type Instant, instant, type WallTime, wallTime } from '@warren/core/base/instant';

/** The wall time at which every world begins: any date will do, but always the same. */
const EPOCH = Date.UTC(2026, 0, 2);

/** Events of one instant without time passing: more is a machine that wakes itself for ever. */
const EVENTS_PER_INSTANT_MAX = 100_000;

export class SimClock {
  readonly #heap = new EventHeap();
  #now: Instant = instant(0);
  #events = 0;

  get now(): Instant {
    return this.#now;
  }

  get wall(): WallTime {
    return wallTime(EPOCH + Math.floor(this.#now));
  }

  /** Events that have run since the start. */
  get events(): number {
    return this.#events;
  }

  /** Runs something `ms` from now; 0: after everything that is planned for now. */
  later(ms: number, run: () => void): void {
    assert(ms >= 0, 'nothing happens in the past');
    this.#heap.plan(after(this.#now, ms), run);
  }

  /** Runs something at an instant, or now if that has passed. */
  at(at: Instant, run: () => void): void {
    this.#heap.plan(at < this.#now ? this.#now : at, run);
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    const end = after(this.#now, ms);
    this.#runWhile(() => true, end);
    this.#now = end;
  }

  /** Runs until `condition` holds; the time that took, or undefined when it didn't within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): number | undefined {
    const start = this.#now;
    const end = after(start, limitMs);
    this.#runWhile(() => !condition(), end);
    if (condition()) return this.#now - start;
    this.#now = end;
    return undefined;
  }

  #runWhile(goesOn: () => boolean, end: Instant): void {
    let sameInstant = 0;
    for (let at = this.#heap.nextAt(); at !== undefined && at <= end; at = this.#heap.nextAt()) {
      if (!goesOn()) return;
      sameInstant = at === this.#now ? sameInstant + 1 : 0;
      assert(sameInstant < EVENTS_PER_INSTANT_MAX, 'time stands still: something wakes itself');
      const event = this.#heap.take();
      this.#now = event.at;
      this.#events++;
      event.run();
    }
  }
}
