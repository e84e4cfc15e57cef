/**
 * What can be asked of machines now: since when nothing has been wrong with their part of the world.
 *
 *     hard   a line, a relay or a process is gone: data may stop until some time after its end
 *     soft   a direct path or a mapping broke, the relay stands: data stops for a moment only
 *     lossy  a line loses packets by chance: single messages may be lost
 */
import type { SimClock } from '../clock/sim-clock.js';

export type Severity = 'hard' | 'soft' | 'lossy';

export interface Whole {
  /** Since the end of the last hard fault. */
  readonly hardMs: number;
  /** Since a soft fault last began or ended. */
  readonly softMs: number;
  readonly isLossy: boolean;
}

interface Condition {
  hard: number;
  lossy: number;
  hardAt: number;
  softAt: number;
}

export class Wholeness<Machine> {
  readonly #clock: SimClock;
  readonly #conditions = new Map<Machine, Condition>();
  readonly #startedAt: number;

  constructor(clock: SimClock) {
    this.#clock = clock;
    this.#startedAt = clock.now;
  }

  begin(machines: Iterable<Machine>, severity: Severity): void {
    for (const machine of machines) this.#change(machine, severity, 1);
  }

  end(machines: Iterable<Machine>, severity: Severity): void {
    for (const machine of machines) this.#change(machine, severity, -1);
  }

  /** Of all of them together; undefined: something is broken. */
  of(...machines: readonly Machine[]): Whole | undefined {
    const { now } = this.#clock;
    let whole: Whole = {
      hardMs: Number.POSITIVE_INFINITY,
      softMs: Number.POSITIVE_INFINITY,
      isLossy: false,
    };
    for (const machine of machines) {
      const condition = this.#of(machine);
      if (condition.hard > 0) return undefined;
      whole = {
        hardMs: Math.min(whole.hardMs, now - condition.hardAt),
        softMs: Math.min(whole.softMs, now - condition.softAt),
        isLossy: whole.isLossy || condition.lossy > 0,
      };
    }
    return whole;
  }

  #change(machine: Machine, severity: Severity, by: 1 | -1): void {
    const condition = this.#of(machine);
    const { now } = this.#clock;
    if (severity === 'hard') {
      condition.hard += by;
      condition.hardAt = now;
      return;
    }
    if (severity === 'lossy') condition.lossy += by;
    condition.softAt = now;
  }

  /** Nobody's world is older than ours. */
  #of(machine: Machine): Condition {
    let condition = this.#conditions.get(machine);
    if (condition === undefined) {
      const softAt = Number.NEGATIVE_INFINITY;
      condition = { hard: 0, lossy: 0, hardAt: this.#startedAt, softAt };
      this.#conditions.set(machine, condition);
    }
    return condition;
  }
}
