/**
 * One cell of the matrix, and what a world has to do with it. The simulator and the lab each have a
 * {@link MatrixWorld}; run-matrix.ts walks the cells and compares with the oracle.
 *
 *     cell (two profiles) --cellTopology--> topology with the machines `left` and `right`
 *          --MatrixWorld.runCell--> outcome --report.ts--> pair of the report
 *
 * Whoever runs a cell takes these steps, in this order:
 *
 *     1. build {@link cellTopology}: the first host is the hub (control and relay), the second a relay
 *     2. both machines join; wait {@link settleMs}
 *     3. `left` asks `right` something through the tunnel, every {@link askEveryMs}, until the path is direct,
 *        for {@link directWaitMs} at most: first reply, and time until direct from the first packet
 *     4. {@link transferBytes} through the tunnel, then a few round trips: `judge` of demo/verdict.ts says from
 *        round trip and relay frames what the pair is, `methodOf` by what means
 */
import type { Fix, Verdict } from '@warren/core/why/verdict';
import type { ActualPath, PathMethod } from '../demo/report.js';
import type { OracleVerdict } from './oracle.js';
import type { Profile } from './profile.js';

/** Relays are connected, endpoints told, ports mapped and proven. */
export const settleMs = 5_000;
/** Beyond what a search with 1,500 probes at 500 a second takes, twice over. */
export const directWaitMs = 12_000;
export const askEveryMs = 100;
/** Some hundred packets: a relay that carries any of them shows it. */
export const transferBytes = 200_000;

export interface MatrixCell {
  /** In the east: the one that asks. */
  readonly left: Profile;
  /** In the west. */
  readonly right: Profile;
}

/** What really happened in a cell, by the rules of demo/verdict.ts. */
export interface CellOutcome {
  readonly actual: ActualPath;
  /** null when nothing got through. */
  readonly method: PathMethod | null;
  /** From the first packet to the first answer through the tunnel. */
  readonly firstReplyMs: number | null;
  /** From the first packet until data goes straight; null: it never did. */
  readonly directMs: number | null;
  /** Round trip through the tunnel, median. */
  readonly latencyMs: number | null;
  /** What the wires alone take for the direct way, both directions. */
  readonly wireRttMs: number;
  readonly relayDataFramesDuringTransfer: number | null;
  /** Sentences about what went wrong beside the path: data not intact, a machine that did not join. */
  readonly problems: readonly string[];
}

/** What `warren why` says of a cell when both have looked for a path, asked on `left`. */
export interface CellExplanation extends Pick<Verdict, 'verdict' | 'rule'> {
  /** What is advised first; null: nothing. */
  readonly fix: Fix | null;
}

/** Runs cells; several at a time where the runner says so. */
export interface MatrixWorld {
  readonly kind: 'sim' | 'lab';
  /**
   * Rejects when `signal` says so, or when the world itself is broken. A machine that can't join is no error
   * but an outcome: `actual` is `none` and `problems` says it.
   */
  runCell(cell: MatrixCell, signal: AbortSignal): Promise<CellOutcome>;
  /** As {@link runCell}; a machine that can't join is an error here. */
  explainCell(cell: MatrixCell, signal: AbortSignal): Promise<CellExplanation>;
  /** Ends whatever was started for running cells. */
  close(): Promise<void>;
}

/** What a cell has to be: by the oracle, where no luck is needed or nothing is possible. */
export type Expected = 'direct' | 'relay' | 'either';

export function expectedOf(verdict: OracleVerdict): Expected {
  if (!verdict.possible) return 'relay';
  return verdict.luck ? 'either' : 'direct';
}

/** `easy:hard`, as `--cells` takes it. */
export function cellName({ left, right }: MatrixCell): string {
  return `${left.name}:${right.name}`;
}

/** Every pair of these profiles once, each with itself too, in the order of the list. */
export function cellsOf(profiles: readonly Profile[]): MatrixCell[] {
  return profiles.flatMap((left, index) => profiles.slice(index).map((right) => ({ left, right })));
}
