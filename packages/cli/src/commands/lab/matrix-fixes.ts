/** `warren lab matrix --fixes`: what `why` advises where a pair is relayed, carried out, and the path that came of it. */
import type { MatrixCell, MatrixWorld } from '@warren/sim/matrix/cell';
import type { FixedCell, FixesReport } from '@warren/sim/matrix/fixes';
import type { CliContext } from '../../context.js';
import { RunRecord } from './run-record.js';

export interface FixesWish {
  readonly cells: readonly MatrixCell[];
  readonly jobs: number;
  readonly resume: string | undefined;
}

function progressLine(cell: FixedCell, done: number, of: number): string {
  const { from, to, fix, problem } = cell;
  const way = fix === null ? '' : `: ${fix.code}`;
  const then = cell.second === undefined ? '' : `; then ${cell.second.problem ?? 'as promised'}`;
  return `  ${done}/${of} ${from} - ${to}${way}: ${problem ?? wayOf(cell)}${then}`;
}

function wayOf({ after }: FixedCell): string {
  return after === null ? 'direct as it is' : `${after.actual} (${after.method ?? '-'})`;
}

export async function runFixesCommand(
  world: MatrixWorld,
  wish: FixesWish,
  { terminal, signal }: CliContext,
): Promise<FixesReport> {
  const [{ fixesReport, runFixes }, { remaining }] = await Promise.all([
    import('@warren/sim/matrix/fixes'),
    import('@warren/sim/matrix/resumed'),
  ]);
  const { cells, jobs, resume } = wish;
  const record = await RunRecord.open<FixedCell, FixesReport>({
    ...{ path: resume, world: world.kind, cells },
    entriesOf: (report) => report.cells,
    reportOf: fixesReport,
  });
  const left = remaining(cells, record.entries);
  terminal.note(`${left.length} pairs, ${jobs} at a time ...`);
  await runFixes({
    ...{ world, cells: left, jobs, signal },
    onPair: (cell, done, of) => {
      record.add(cell);
      terminal.note(progressLine(cell, done, of));
    },
  });
  return record.report();
}
