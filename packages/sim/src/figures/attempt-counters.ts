/** What a node's counters say of its attempts to meet peers at ports that had to be found. */

/** Whatever an attempt's end is called; other counters of the search are no ends. */
const FAILURES = /^port-search-(?!found$|pings$|stun-)/;
const PINGS = 'port-search-pings';

type CounterValues = Readonly<Record<string, number>>;

/** Attempts that have failed. */
export function failedAttempts(counters: CounterValues): number {
  return Object.entries(counters)
    .filter(([name]) => FAILURES.test(name))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** Why they failed, by counter. */
export function failureReasons(counters: CounterValues): string[] {
  return Object.keys(counters)
    .filter((name) => FAILURES.test(name))
    .map((name) => name.replace('port-search-', ''));
}

/** Pings that attempts have sent to ports that were told or guessed. */
export function attemptPings(counters: CounterValues): number {
  return counters[PINGS] ?? 0;
}
