/** `warren lab matrix`: every kind of NAT against every other, what has to be, what is, and a page about it. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MatrixBaseline } from '@warren/sim/matrix/baseline';
import type { MatrixCell, MatrixWorld } from '@warren/sim/matrix/cell';
import type { Profile } from '@warren/sim/matrix/profile';
import type { MatrixPair, MatrixReport } from '@warren/sim/matrix/report';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { EXIT_FAILED } from '../../exit-codes.js';
import { describe } from '../../help-text.js';
import { loadPart } from '../../optional-package.js';
import { renderMatrixReport } from '../../render/matrix-report.js';
import type { Style } from '../../terminal.js';
import { chooseLabWorld } from '../demo-world.js';
import { chooseCells, parseCells, parseJobs, parseProfiles } from './matrix-cells.js';

interface MatrixFlags {
  readonly json: boolean;
  readonly sim: boolean;
  readonly installDeps: boolean;
  readonly html?: string;
  readonly cells?: readonly MatrixCell[];
  readonly profiles?: readonly Profile[];
  readonly jobs?: number;
  readonly baseline?: string;
  readonly update: boolean;
}

function progressLine(pair: MatrixPair, done: number, of: number): string {
  const way = pair.actual === 'direct' ? `direct (${pair.method ?? '-'})` : pair.actual;
  const time = pair.directMs === null ? '' : ` after ${Math.round(pair.directMs)} ms`;
  const wrong = pair.problems.length === 0 ? '' : `; ${pair.problems.join('; ')}`;
  return `  ${done}/${of} ${pair.from} - ${pair.to}: ${way}${time}${wrong}`;
}

async function runMatrixCommand(flags: MatrixFlags, context: CliContext): Promise<MatrixReport> {
  const { terminal, signal } = context;
  const startedAt = performance.now();
  const [{ runMatrix }, { matrixReport }, { PROFILES }] = await Promise.all([
    import('@warren/sim/matrix/run-matrix'),
    import('@warren/sim/matrix/report'),
    import('@warren/sim/matrix/profiles'),
  ]);
  const cells = chooseCells(flags.cells, flags.profiles);
  const jobs = Math.min(cells.length, flags.jobs ?? availableParallelism());
  const world = await openWorld(flags, context);
  terminal.note(`${cells.length} pairs, ${jobs} at a time ...`);
  const date = new Date().toISOString();
  try {
    const pairs = await runMatrix({
      world,
      cells,
      jobs,
      signal,
      onPair: (pair, done, of) => terminal.note(progressLine(pair, done, of)),
    });
    const durationMs = Math.round(performance.now() - startedAt);
    const commit = await commitOf();
    return matrixReport(PROFILES, pairs, { world: world.kind, commit, date, durationMs });
  } finally {
    await world.close();
  }
}

/** Throws RightsError where root is all that a lab lacks. */
async function openWorld(flags: MatrixFlags, context: CliContext): Promise<MatrixWorld> {
  const { kind, reason } = await chooseLabWorld(flags);
  if (kind === 'sim') {
    if (reason !== undefined) context.terminal.note(`No lab here: ${reason}.`);
    const { openSimMatrix } = await loadPart(
      '@warren/sim',
      () => import('@warren/sim/matrix/sim-matrix'),
    );
    return openSimMatrix();
  }
  const { openLabMatrix } = await loadPart(
    '@warren/lab',
    () => import('@warren/lab/matrix/lab-matrix'),
  );
  const { execPath, execArgs, script } = context.invocation;
  return openLabMatrix({
    commandLine: [execPath, ...execArgs, script],
    installDeps: flags.installDeps,
    onProgress: (line) => context.terminal.note(line),
  });
}

/** Of the checkout that this runs from, `-dirty` when files differ; null: it is none, or there is no git. */
async function commitOf(): Promise<string | null> {
  const here = dirname(fileURLToPath(import.meta.url));
  try {
    const git = promisify(execFile);
    const args = ['-C', here, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude', '*'];
    return (await git('git', args)).stdout.trim() || null;
  } catch {
    return null;
  }
}

/** Undefined: there is none yet, and one is to be written. */
async function readBaseline(
  path: string,
  mayBeAbsent: boolean,
): Promise<MatrixBaseline | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as MatrixBaseline;
  } catch (error) {
    if (mayBeAbsent && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(
      'SYSTEM',
      `the baseline ${path} can't be read: ${error instanceof Error ? error.message : ''}`,
      'write one with --update',
      { cause: error },
    );
  }
}

/** False: something is worse than the baseline. */
async function heldAgainst(
  report: MatrixReport,
  path: string,
  update: boolean,
  context: CliContext,
): Promise<boolean> {
  const { baselineOf, compareWithBaseline } = await import('@warren/sim/matrix/baseline');
  const before = await readBaseline(path, update);
  if (update) {
    await writeFile(path, `${JSON.stringify(baselineOf(report, before), undefined, 2)}\n`);
    context.terminal.note(`${path} is written.`);
    return true;
  }
  if (before === undefined) return false;
  const { problems, news } = compareWithBaseline(report, before);
  for (const line of news) context.terminal.note(line);
  for (const line of problems) context.terminal.note(context.terminal.paintNote('red', line));
  return problems.length === 0;
}

export function defineMatrix(lab: Command, context: CliContext): void {
  const command = lab
    .command('matrix')
    .description('every kind of NAT against every other: what is possible, and what is reached')
    .option('--json', 'the report as JSON', false)
    .option('--sim', 'in the simulator, with models in place of real NATs', false)
    .option('--install-deps', 'install missing system packages first (Debian, Ubuntu)', false)
    .option('--html <file>', 'write a page with the grid')
    .option('--cells <pairs>', 'only these pairs of profiles, such as easy:hard', parseCells)
    .option('--profiles <names>', 'only these profiles, each with each', parseProfiles)
    .option('--jobs <n>', 'pairs at a time (default: as many as processors)', parseJobs)
    .option('--baseline <file>', 'fail only when a pair is worse than this file says')
    .option('--update', 'write the baseline instead', false)
    .action(async (flags: MatrixFlags) => {
      const report = await runMatrixCommand(flags, context);
      const { terminal } = context;
      if (flags.html !== undefined) {
        const { matrixPage } = await import('@warren/sim/matrix/html');
        await writeFile(flags.html, matrixPage(report));
        terminal.note(`${flags.html} is written.`);
      }
      const isGood =
        flags.baseline === undefined
          ? report.ok
          : await heldAgainst(report, flags.baseline, flags.update, context);
      if (!isGood) context.exitCode = EXIT_FAILED;
      if (flags.json) {
        terminal.printJson(report);
        return;
      }
      const paint = (style: Style, text: string): string => terminal.paint(style, text);
      for (const line of renderMatrixReport(report, paint)) terminal.print(line);
    });
  describe(
    command,
    [
      ['warren lab matrix --sim --html matrix.html', 'all pairs, and a page to look at'],
      ['warren lab matrix --sim --cells easy:hard,hard:hard', 'two of them'],
      ['warren lab matrix --sim --profiles easy,hard,public --json', 'the evidence for six'],
    ],
    [
      [0, 'every pair is what it has to be (with --baseline: no worse than it was)'],
      [1, 'some pair is not, or the matrix could not run'],
    ],
    [
      ['a', 'one side is reached by anybody'],
      ['b', 'both map independently of the destination'],
      ['d', 'the ports of both can be told beforehand'],
      ['e', 'the ports to try fit the budget of probes'],
      ['c, f', 'it takes luck: many sockets against guesses'],
      ['-', 'no path is possible'],
    ],
  );
}
