/** The simulator as a world of the matrix: cells run in processes of their own, one cell each at a time. */
import { fileURLToPath } from 'node:url';
import { JobPool } from '../jobs/job-pool.js';
import {
  type CellExplanation,
  type CellOutcome,
  cellName,
  type MatrixCell,
  type MatrixWorld,
} from './cell.js';

/** What a process is asked, and what it answers. */
export interface CellJob {
  readonly cell: MatrixCell;
  readonly isToExplain: boolean;
}
export type CellAnswer =
  | { readonly outcome: CellOutcome }
  | { readonly explanation: CellExplanation };

class SimMatrixWorld implements MatrixWorld {
  readonly kind = 'sim';
  readonly #pool = new JobPool<CellJob, CellAnswer>(
    fileURLToPath(new URL('./cell-job.js', import.meta.url)),
  );

  async runCell(cell: MatrixCell, signal: AbortSignal): Promise<CellOutcome> {
    const answer = await this.#run({ cell, isToExplain: false }, signal);
    if ('outcome' in answer) return answer.outcome;
    throw new Error('a cell that was run has an outcome');
  }

  async explainCell(cell: MatrixCell, signal: AbortSignal): Promise<CellExplanation> {
    const answer = await this.#run({ cell, isToExplain: true }, signal);
    if ('explanation' in answer) return answer.explanation;
    throw new Error('a cell that was explained has an explanation');
  }

  close(): Promise<void> {
    this.#pool.close();
    return Promise.resolve();
  }

  async #run(job: CellJob, signal: AbortSignal): Promise<CellAnswer> {
    try {
      return await this.#pool.run(job, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`${cellName(job.cell)}: ${String(error)}`, { cause: error });
    }
  }
}

/** A world that starts as many processes as cells run at a time. */
export function openSimMatrix(): MatrixWorld {
  return new SimMatrixWorld();
}
