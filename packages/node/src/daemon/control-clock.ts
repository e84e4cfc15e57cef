/**
 * This machine's clock beside control's. Nothing of Warren's hangs on the two being equal: keys expire by
 * control's clock, handshakes need times that grow (handshake-time.ts). But an expiry, a log or a certificate
 * of a known authority is judged by somebody's clock, so people are told.
 */
import type { Instant, WallTime } from '@warren/core/base/instant';
import type { Clock } from '@warren/shell/clock';

/** Clocks that nobody sets drift by seconds a day; a minute apart is a clock that is wrong. */
const TOLERATED_MS = 60_000;
/** Above this, minutes say nothing. */
const MINUTES_UP_TO_MS = 2 * 3_600_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export class ControlClock {
  readonly #clock: Clock;
  #told: { readonly time: WallTime; readonly at: Instant } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Control has just said what time it is. */
  tell(time: WallTime): void {
    this.#told = { time, at: this.#clock.now() };
  }

  /** What is wrong, for people; undefined when the clocks agree, or control's is not known. */
  sentence(): string | undefined {
    if (this.#told === undefined) return undefined;
    const { time, at } = this.#told;
    const aheadMs = this.#clock.wall() - (time + (this.#clock.now() - at));
    if (Math.abs(aheadMs) <= TOLERATED_MS) return undefined;
    const side = aheadMs > 0 ? 'ahead of' : 'behind';
    return `This machine's clock is ${inWords(Math.abs(aheadMs))} ${side} the control server's: one of the two is wrong.`;
  }
}

function inWords(ms: number): string {
  const [unitMs, unit] = ms < MINUTES_UP_TO_MS ? [MINUTE_MS, 'minute'] : [HOUR_MS, 'hour'];
  const count = Math.round(ms / unitMs);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
