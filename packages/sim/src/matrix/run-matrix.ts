/** Walks the cells of the matrix through a world, several at a time, and breaks off when told to. */
import type { CellOutcome, MatrixCell, MatrixWorld } from './cell.js';
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
  const { world, cells, jobs, signal, onPair } = run;
  const pairs: (MatrixPair | undefined)[] = new Array<MatrixPair | undefined>(cells.length);
  let [next, done] = [0, 0];
  let failed = false;
  const work = async (): Promise<void> => {
    while (!failed) {
      signal.throwIfAborted();
      const index = next++;
      const cell = cells[index];
      if (cell === undefined) return;
      let outcome: CellOutcome;
      try {
        outcome = await world.runCell(cell, signal);
      } catch (error) {
        failed = true;
        throw error;
      }
      const pair = pairOf(cell, outcome);
      pairs[index] = pair;
      onPair?.(pair, ++done, cells.length);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: jobs }, work));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return pairs.filter((pair) => pair !== undefined);
}
