/**
 * Monotonic time. Every machine in core is told the time; none reads a clock.
 *
 * An Instant is a number of milliseconds since an arbitrary origin of the process (fractions allowed).
 * Instants of two processes can't be compared.
 */

declare const instantBrand: unique symbol;

/** Monotonic milliseconds; only differences mean something. */
export type Instant = number & { readonly [instantBrand]: true };

/** Wall-clock milliseconds since the Unix epoch, where a protocol needs them (TAI64N, key expiry). */
export type WallTime = number & { readonly [instantBrand]: 'wall' };

/** Marks a number read from a monotonic clock as an Instant. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** Marks a number of milliseconds since the Unix epoch as a WallTime. */
export function wallTime(ms: number): WallTime {
  return ms as WallTime;
}

/** `at` moved by `ms` milliseconds. */
export function after(at: Instant, ms: number): Instant {
  return (at + ms) as Instant;
}

/** The earliest of several optional deadlines; undefined when none is set. */
export function earliest(...deadlines: (Instant | undefined)[]): Instant | undefined {
  let best: Instant | undefined;
  for (const deadline of deadlines) {
    if (deadline !== undefined && (best === undefined || deadline < best)) best = deadline;
  }
  return best;
}
