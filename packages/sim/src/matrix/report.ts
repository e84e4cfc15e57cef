/** What `warren lab matrix` answers: every cell with the oracle's word and with what was seen. */
import type { ActualPath } from '../demo/report.js';
import { type CellOutcome, cellName, type Expected, expectedOf, type MatrixCell } from './cell.js';
import { isBeyondBudget, judgePair, type OracleVerdict } from './oracle.js';
import type { Profile } from './profile.js';

export interface MatrixMachine {
  /** Of the profile. */
  readonly name: string;
  readonly about: string;
  /** What netcheck has to call it. */
  readonly nat: Profile['truth']['class'];
}

export interface MatrixPair extends CellOutcome {
  /** Profiles. */
  readonly from: string;
  readonly to: string;
  readonly expected: Expected;
  readonly oracle: OracleVerdict;
  /** What was not as expected at a first try; all else is of the last. */
  readonly firstTry?: readonly string[];
}

/** Of a run that was taken up again: what was measured before. */
export interface EarlierRun {
  readonly commit: string | null;
  readonly date: string;
  readonly durationMs: number;
  readonly pairs: number;
}

export interface RunFacts {
  readonly world: 'lab' | 'sim';
  /** Of the program that ran; null: not a checkout. */
  readonly commit: string | null;
  /** Of the run, ISO 8601. */
  readonly date: string;
  readonly durationMs: number;
  /** Runs that this one went on with; absent: none. */
  readonly earlier?: readonly EarlierRun[];
}

export interface MatrixReport extends RunFacts {
  readonly machines: readonly MatrixMachine[];
  readonly pairs: readonly MatrixPair[];
  /** Every pair is as expected. */
  readonly ok: boolean;
}

export function pairOf(cell: MatrixCell, outcome: CellOutcome): MatrixPair {
  const oracle = judgePair(cell.left, cell.right);
  const expected = expectedOf(oracle);
  const wrong = isAsExpected(oracle, outcome.actual)
    ? []
    : [expectationText(cell, expected, outcome.actual)];
  return {
    from: cell.left.name,
    to: cell.right.name,
    expected,
    ...outcome,
    problems: [...wrong, ...outcome.problems],
    oracle,
  };
}

/**
 * Whether a cell is what the oracle says it has to be. Too many ports to guess within the budget can still be
 * guessed by chance; that is no fault, and the evidence is the wires' and the relays'. Without UDP, or without
 * a family in common, nothing can be direct.
 */
export function isAsExpected(oracle: OracleVerdict, actual: ActualPath): boolean {
  const expected = expectedOf(oracle);
  const talks = actual === 'direct' || actual === 'relay';
  if (expected === 'either' || isBeyondBudget(oracle)) return talks;
  return actual === expected;
}

function expectationText(cell: MatrixCell, expected: Expected, actual: ActualPath): string {
  const wish = expected === 'either' ? 'direct or relay' : expected;
  return `${cellName(cell)}: expected ${wish}, was ${actual}`;
}

/** Profiles that occur, in the order of `profiles`; pairs in the order of the cells. */
export function matrixReport(
  profiles: readonly Profile[],
  pairs: readonly MatrixPair[],
  { world, commit, date, durationMs, earlier }: RunFacts,
): MatrixReport {
  const used = new Set(pairs.flatMap(({ from, to }) => [from, to]));
  return {
    world,
    commit,
    date,
    durationMs,
    ...(earlier === undefined ? {} : { earlier }),
    machines: profiles
      .filter(({ name }) => used.has(name))
      .map(({ name, about, truth }) => ({ name, about, nat: truth.class })),
    pairs,
    ok: pairs.every(({ problems }) => problems.length === 0),
  };
}
