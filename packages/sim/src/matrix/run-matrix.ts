/** Walks the cells of the matrix through a world, several at a time, and breaks off when told to. */
import type { MatrixCell, MatrixWorld } from './cell.js';
import { type MatrixPair, pairOf } from './report.js';

export interface MatrixRun {
  readonly world: MatrixWorld;
  readonly cells: readonly MatrixCell[];
  /** Cells at a time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly onPair?: (pair: MatrixPair, done: number, of: number) => void;
}

/** Pairs in the order of the cells. Rejects with the first failure of the world, when all that ran have ended. */
export async function runMatrix(run: MatrixRun): Promise<MatrixPair[]> {
  const { world, signal } = run;
  return walkCells(run, async (cell) => pairOf(cell, await world.runCell(cell, signal)));
}

/**
 * Runs the cells once more, each by itself, whose pairs are not good: a busy computer that holds a daemon up for a
 * quarter of a second sends it to the relay, and that says nothing about NATs; and where ports are guessed, once more,
 * for a guess in three hundred finds nothing. What the first try showed is kept.
 */
export async function tryAgain(
  run: Omit<MatrixRun, 'jobs' | 'onPair'>,
  pairs: readonly MatrixPair[],
  isGood: (pair: MatrixPair) => boolean,
  onPair?: MatrixRun['onPair'],
): Promise<MatrixPair[]> {
  const { world, cells, signal } = run;
  const of = pairs.filter((pair) => !isGood(pair)).length;
  const result: MatrixPair[] = [];
  let done = 0;
  for (const [index, pair] of pairs.entries()) {
    const cell = cells[index];
    if (cell === undefined || isGood(pair)) {
      result.push(pair);
      continue;
    }
    signal.throwIfAborted();
    let latest = pair;
    for (let tries = 1; tries < triesMax(pair) && !isGood(latest); tries++) {
      const next = pairOf(cell, await world.runCell(cell, signal));
      latest = { ...next, firstTry: pair.problems };
    }
    result.push(latest);
    onPair?.(latest, ++done, of);
  }
  return result;
}

function triesMax({ oracle }: MatrixPair): number {
  return oracle.kind === 'c' || oracle.kind === 'f' ? 3 : 2;
}

interface CellWalk<Result> extends Omit<MatrixRun, 'world' | 'onPair'> {
  readonly onPair?: (result: Result, done: number, of: number) => void;
}

/** As {@link runMatrix}, with what is to be done at each cell. */
export async function walkCells<Result>(
  { cells, jobs, signal, onPair }: CellWalk<Result>,
  visit: (cell: MatrixCell) => Promise<Result>,
): Promise<Result[]> {
  const results = new Map<number, Result>();
  let [next, done] = [0, 0];
  let failed = false;
  const work = async (): Promise<void> => {
    while (!failed) {
      signal.throwIfAborted();
      const index = next++;
      const cell = cells[index];
      if (cell === undefined) return;
      try {
        const result = await visit(cell);
        results.set(index, result);
        onPair?.(result, ++done, cells.length);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: jobs }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
