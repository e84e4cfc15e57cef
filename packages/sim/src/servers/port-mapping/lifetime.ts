/** Lifetimes that routers grant: from the two minutes of RFC 6886 to a day, as miniupnpd is configured. */

const LIFETIME_MIN_SECONDS = 120;
const LIFETIME_MAX_SECONDS = 86_400;

export function grantedSeconds(wanted: number): number {
  return Math.min(Math.max(wanted, LIFETIME_MIN_SECONDS), LIFETIME_MAX_SECONDS);
}
