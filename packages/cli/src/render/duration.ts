/** Durations for people: Go's spelling for round trips, as scripts know it, and ages in one unit. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `ms` rounded to a millisecond as Go prints it: `0s`, `23ms`, `1.204s`, `1m2.5s`. */
export function formatRoundTrip(ms: number): string {
  const whole = Math.round(ms);
  if (whole === 0) return '0s';
  if (whole < SECOND_MS) return `${whole}ms`;
  const minutes = Math.floor(whole / MINUTE_MS);
  const seconds = (whole % MINUTE_MS) / SECOND_MS;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** The largest whole unit of `ms`: `12s`, `5m`, `3h`, `2d`. Negative ages (clocks differ) are `0s`. */
export function formatAge(ms: number): string {
  if (ms < SECOND_MS) return '0s';
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}
