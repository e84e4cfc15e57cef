/** Arms one event for one machine of core: whatever `nextTimeout` says, a single planned event waits for it. */
import type { Instant } from '@warren/core/base/instant';
import type { SimClock } from './sim-clock.js';

/** Anything that knows when it wants to be called. */
export interface HasTimeout {
  nextTimeout(): Instant | undefined;
}

/** Call {@link rearm} after every input of the machine and {@link close} at its end. */
export class MachineTimer {
  readonly #machine: HasTimeout;
  readonly #clock: SimClock;
  readonly #onTimeout: () => void;
  /** What the planned event waits for; it may be earlier than the machine now wants, never later. */
  #armedFor: Instant | undefined;
  #closed = false;

  constructor(machine: HasTimeout, clock: SimClock, onTimeout: () => void) {
    this.#machine = machine;
    this.#clock = clock;
    this.#onTimeout = onTimeout;
  }

  rearm(): void {
    if (this.#closed) return;
    const deadline = this.#machine.nextTimeout();
    if (deadline === undefined) return;
    if (this.#armedFor !== undefined && this.#armedFor <= deadline) return;
    this.#armedFor = deadline;
    this.#clock.at(deadline, () => this.#fire(deadline));
  }

  close(): void {
    this.#closed = true;
  }

  #fire(armedFor: Instant): void {
    // A later plan that was overtaken by an earlier one: the earlier has armed anew.
    if (this.#closed || this.#armedFor !== armedFor) return;
    this.#armedFor = undefined;
    const deadline = this.#machine.nextTimeout();
    if (deadline !== undefined && deadline <= this.#clock.now) this.#onTimeout();
    this.rearm();
  }
}
