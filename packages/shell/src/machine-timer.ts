/**
 * Arms one timer for one machine of core: whatever `nextTimeout` says, a single setTimeout waits for it.
 *
 *     const timer = new MachineTimer(machine, systemClock, (now) => {
 *       machine.handle({ type: 'timeout' }, now);
 *       drain();          // which ends in timer.rearm()
 *     });
 */
import type { Instant } from '@warren/core/base/instant';
import type { Clock } from './clock.js';

/** setTimeout takes a signed 32-bit number of milliseconds; a longer wait is armed again when it ends. */
const LONGEST_WAIT_MS = 0x7fffffff;
/** A deadline that is already past still waits one turn, so that a machine can't starve the event loop. */
const SHORTEST_WAIT_MS = 1;

/** Anything that knows when it wants to be called. */
export interface HasTimeout {
  nextTimeout(): Instant | undefined;
}

/** Call {@link rearm} after every drain of the machine and {@link close} at the end. */
export class MachineTimer {
  readonly #machine: HasTimeout;
  readonly #clock: Clock;
  readonly #onTimeout: (now: Instant) => void;
  #timer: NodeJS.Timeout | undefined;
  /** What the timer waits for; it may be earlier than the machine now wants, never later. */
  #armedFor: Instant | undefined;
  #closed = false;

  constructor(machine: HasTimeout, clock: Clock, onTimeout: (now: Instant) => void) {
    this.#machine = machine;
    this.#clock = clock;
    this.#onTimeout = onTimeout;
  }

  /** Looks at the machine's next timeout. A timer that fires too early costs less than moving it each time. */
  rearm(): void {
    if (this.#closed) return;
    const deadline = this.#machine.nextTimeout();
    if (deadline === undefined) {
      this.#disarm();
      return;
    }
    if (this.#armedFor !== undefined && this.#armedFor <= deadline) return;
    this.#disarm();
    const waitMs = Math.ceil(deadline - this.#clock.now());
    this.#armedFor = deadline;
    this.#timer = setTimeout(
      () => this.#fire(),
      Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, waitMs)),
    );
  }

  /** Stops for good. */
  close(): void {
    this.#closed = true;
    this.#disarm();
  }

  #fire(): void {
    this.#timer = undefined;
    this.#armedFor = undefined;
    const now = this.#clock.now();
    const deadline = this.#machine.nextTimeout();
    if (deadline !== undefined && deadline <= now) this.#onTimeout(now);
    this.rearm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = undefined;
  }
}
