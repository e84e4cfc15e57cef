/**
 * The lab as a world of the matrix: a world of real NATs for each cell, with real servers and daemons, which
 * ends with the cell. Cells don't see each other, so as many run at a time as the computer bears.
 */
import type {
  CellExplanation,
  CellOutcome,
  MatrixCell,
  MatrixWorld,
} from '@warren/sim/matrix/cell';
import { LabError } from '../errors.js';
import { requireLab } from '../requirements.js';
import { explainLabCell } from './explain-lab-cell.js';
import { type LabCellOptions, runLabCell } from './lab-cell.js';

export interface LabMatrixOptions {
  /** Starts Warren's command line: Node.js and its main script. */
  readonly commandLine: readonly string[];
  /** Installs missing system packages first. */
  readonly installDeps: boolean;
  /** Told what is going on, a line at a time. */
  readonly onProgress?: (line: string) => void;
}

/** Of a cell whose servers did not come up: the computer was busy with something else, and an hour's run is worth more. */
const STARTS_MAX = 3;

class LabMatrixWorld implements MatrixWorld {
  readonly kind = 'lab';
  readonly #commandLine: readonly string[];
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(commandLine: readonly string[]) {
    this.#commandLine = commandLine;
  }

  runCell(cell: MatrixCell, signal: AbortSignal): Promise<CellOutcome> {
    return this.#watched(signal, (options) => runLabCell(cell, options));
  }

  explainCell(cell: MatrixCell, signal: AbortSignal): Promise<CellExplanation> {
    return this.#watched(signal, (options) => explainLabCell(cell, options));
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#end.abort();
    await Promise.allSettled([...this.#running]);
  }

  async #started<Result>(
    start: (options: LabCellOptions) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    for (let starts = 1; ; starts++) {
      try {
        return await start({ commandLine: this.#commandLine, signal });
      } catch (error) {
        const isBusy = error instanceof LabError && error.code === 'LAB_NOT_READY';
        if (!isBusy || starts >= STARTS_MAX || signal.aborted) throw error;
      }
    }
  }

  async #watched<Result>(
    signal: AbortSignal,
    start: (options: LabCellOptions) => Promise<Result>,
  ): Promise<Result> {
    const run = this.#started(start, AbortSignal.any([signal, this.#end.signal]));
    this.#running.add(run);
    try {
      return await run;
    } finally {
      this.#running.delete(run);
    }
  }
}

/** Throws LAB_UNSUPPORTED, LAB_REQUIREMENTS or LAB_INSTALL where no lab can be. */
export async function openLabMatrix(options: LabMatrixOptions): Promise<MatrixWorld> {
  await requireLab({
    install: options.installDeps,
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  return new LabMatrixWorld(options.commandLine);
}
