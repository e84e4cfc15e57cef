/** Tells control what the NAT is, as the daemon does: looked at again and again, from the first check on. */
import type { PathEngine } from '@warren/core/path-engine/path-engine';
import type { SimClock } from '../clock/sim-clock.js';
import type { ControlLink } from './control-link.js';

/** As the daemon. */
const LOOK_MS = 1_000;

export class NatReports {
  /** A check of the network has come to an end. */
  isMeasured = false;
  readonly #clock: SimClock;
  readonly #engine: PathEngine;
  readonly #control: Pick<ControlLink, 'handle'>;
  #closed = false;

  constructor(clock: SimClock, engine: PathEngine, control: Pick<ControlLink, 'handle'>) {
    this.#clock = clock;
    this.#engine = engine;
    this.#control = control;
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
  }

  #lookLater(): void {
    this.#clock.later(LOOK_MS, () => {
      if (this.#closed) return;
      if (this.isMeasured) {
        this.#control.handle({ type: 'nat-description', nat: this.#engine.description });
      }
      this.#lookLater();
    });
  }
}
