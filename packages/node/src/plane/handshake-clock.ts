/**
 * The clock of WireGuard's handshakes: the wall clock, but it never goes back and never stands still. It begins
 * at the latest time that an earlier run may have used (daemon/handshake-time.ts), whatever the clock says.
 */
import { type Instant, type WallTime, wallTime } from '@warren/core/base/instant';
import type { Clock } from '@warren/shell/clock';

export class HandshakeClock {
  readonly #clock: Clock;
  #last: WallTime;
  #lastAt: Instant;

  constructor(clock: Clock, floor: WallTime) {
    this.#clock = clock;
    this.#last = floor;
    this.#lastAt = clock.now();
  }

  read(): WallTime {
    const now = this.#clock.now();
    const least = this.#last + (now - this.#lastAt);
    this.#last = wallTime(Math.max(least, this.#clock.wall()));
    this.#lastAt = now;
    return this.#last;
  }
}
