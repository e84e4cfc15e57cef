/**
 * Whether advice is good: for each cell that is not direct, what `warren why` advises first is done to the world, and
 * the cell runs again. It has to get the path that was promised.
 */
import type { Fix } from '@warren/core/why/verdict';
import { type CellExplanation, type CellOutcome, cellName, type MatrixCell } from './cell.js';
import { repairedCell } from './explain-cell.js';
import type { RunFacts } from './report.js';
import { type MatrixRun, walkCells } from './run-matrix.js';

export interface FixedCell {
  /** Profiles; the advice is what `from` is told. */
  readonly from: string;
  readonly to: string;
  readonly verdict: CellExplanation['verdict'];
  readonly rule: CellExplanation['rule'];
  /** null: nothing is advised. */
  readonly fix: Fix | null;
  /** Of the cell with the fix applied; null: it did not run. */
  readonly after: Pick<CellOutcome, 'actual' | 'method'> | null;
  /** Why the promise is not kept; null: it is, or the cell was direct before. */
  readonly problem: string | null;
  /** Where it was not: what is advised then, by what the first advice brought to light. Absent: nothing else. */
  readonly second?: Pick<FixedCell, 'rule' | 'fix' | 'after' | 'problem'>;
}

export interface FixesReport extends RunFacts {
  readonly cells: readonly FixedCell[];
  /** Cells that were relayed; those of them that got what was promised, and those that did by a second advice. */
  readonly relayed: number;
  readonly kept: number;
  readonly keptThen: number;
  readonly ok: boolean;
}

export interface FixesRun extends Omit<MatrixRun, 'onPair'> {
  readonly onPair?: (cell: FixedCell, done: number, of: number) => void;
}

export function runFixes(run: FixesRun): Promise<FixedCell[]> {
  return walkCells(run, (cell) => fixCell(run, cell));
}

async function fixCell(run: FixesRun, cell: MatrixCell): Promise<FixedCell> {
  const names = { from: cell.left.name, to: cell.right.name };
  const { repaired, ...first } = await follow(run, cell);
  if (first.problem === null || repaired === undefined) return { ...names, ...first };
  // Such as a carrier's NAT, which shows when the home's router is asked for a port.
  const { verdict, rule, fix, after, problem } = await follow(run, repaired);
  const isNew = verdict !== 'direct' && fix?.code !== first.fix?.code;
  return { ...names, ...first, ...(isNew ? { second: { rule, fix, after, problem } } : {}) };
}

type Followed = Omit<FixedCell, 'from' | 'to' | 'second'> & {
  readonly repaired: MatrixCell | undefined;
};

async function follow({ world, signal }: FixesRun, cell: MatrixCell): Promise<Followed> {
  const { verdict, rule, fix } = await world.explainCell(cell, signal);
  const seen = { verdict, rule, fix, after: null, repaired: undefined };
  if (verdict === 'direct') return { ...seen, problem: null };
  if (fix === null) return { ...seen, problem: 'nothing is advised' };
  const repaired = repairedCell(cell, fix);
  if (repaired === undefined) {
    return { ...seen, problem: `${fix.code} can't be done at ${cellName(cell)}` };
  }
  const { actual, method } = await world.runCell(repaired, signal);
  const after = { actual, method };
  return { ...seen, after, repaired, problem: brokenPromise(fix, repaired, after) };
}

/** Null: the path is what was promised. */
export function brokenPromise(
  { effect }: Pick<Fix, 'effect'>,
  { left, right }: MatrixCell,
  { actual, method }: Pick<CellOutcome, 'actual' | 'method'>,
): string | null {
  if (effect === null) return null;
  // Whatever leads through a NAT64 is reached over IPv6.
  const isTranslated = [left, right].some(({ truth }) => truth.nat64) && method === 'ipv6';
  // Where both have a way in, either may answer to where the other's packets come from.
  const haveWaysIn = [left, right].every(({ truth }) => truth.wayIn !== null);
  const isAnswered =
    (effect === 'portmap' || effect === 'static') && haveWaysIn && method === 'punch';
  const isDirect = actual === 'direct' && (method === effect || isTranslated || isAnswered);
  const isKept = effect === 'relay' ? actual === 'relay' : isDirect;
  return isKept ? null : `promised ${effect}, was ${actual} by ${method ?? 'nothing'}`;
}

export function fixesReport(cells: readonly FixedCell[], facts: RunFacts): FixesReport {
  const relayed = cells.filter(({ verdict }) => verdict !== 'direct');
  const kept = relayed.filter(({ problem }) => problem === null).length;
  const keptThen = relayed.filter(({ second }) => second?.problem === null).length;
  return {
    ...facts,
    cells,
    relayed: relayed.length,
    kept,
    keptThen,
    ok: kept + keptThen === relayed.length,
  };
}
