/** All rounds of the figures that are wanted, one figure after the other; only its contenders run meanwhile. */
import { currentCommit } from '@warren/sim/run/current-commit';
import { type FigureReport, figureReport } from './bench-report.js';
import { type BenchReport, short } from './bench-text.js';
import type { Figure } from './figures.js';
import { describeMachine } from './machine.js';
import type { MeasureOptions } from './measurements.js';
import { contendersOf, type Run, runRounds } from './rounds.js';
import { TunnelPool } from './tunnel-pool.js';

const SHORT_COMMIT = 10;

export interface BenchOptions extends MeasureOptions {
  readonly figures: readonly Figure[];
  readonly rounds: number;
  readonly onProgress: (line: string) => void;
}

function said(run: Run, unit: string): string {
  return 'value' in run ? `${short(run.value)} ${unit}` : `FAILED: ${run.failure}`;
}

/** Closes every world that it opened, whatever happens. */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { figures, rounds, onProgress, seconds, congestion } = options;
  const at = new Date().toISOString();
  const commit = await currentCommit(SHORT_COMMIT);
  const ratios: Record<string, FigureReport> = {};
  const pool = new TunnelPool();
  try {
    for (const figure of figures) {
      const { key, unit } = figure;
      await pool.keepOnly(contendersOf(figure));
      const done = await runRounds(figure, pool, {
        ...{ rounds, seconds, ...(congestion === undefined ? {} : { congestion }) },
        onRun: (round, contender, run) =>
          onProgress(`${key} ${round}/${rounds} ${contender}: ${said(run, unit)}`),
      });
      ratios[key] = figureReport(figure, done);
      onProgress(`${key}: ${ratios[key].median ?? 'no ratio'}`);
    }
  } finally {
    await pool.keepOnly([]);
  }
  const { ways } = pool;
  return { ratios, ways, machine: describeMachine(congestion), commit, at, secondsPerRun: seconds };
}
