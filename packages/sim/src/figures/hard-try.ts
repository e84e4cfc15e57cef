/** What one cold try of a pair behind hard NATs showed, in the lab or in the simulator. */

/** From the first packet: patience, what is asked and told before, and all pings of an attempt, twice over. */
export const attemptLimitMs = 12_000;

export interface HardTry {
  /** From the first packet to the first that was answered directly, and to its answer; null: the first attempt failed. */
  readonly directFromMs: number | null;
  readonly directMs: number | null;
  /** Why attempts failed, by their names in the counters. */
  readonly failures: readonly string[];
  /** Pings of each end to ports that were told or guessed; of a left end with many sockets one from each. */
  readonly probes: { readonly left: number; readonly right: number };
  /** New ones in each router; null: not known. */
  readonly conntrackEntries: { readonly left: number; readonly right: number } | null;
  /** Of both daemons, from the first packet until direct; null: not known. */
  readonly cpuSeconds: number | null;
}
