/** `warren lab matrix`: every kind of NAT against every other, what has to be, what is, and a page about it. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { MatrixBaseline } from '@warren/sim/matrix/baseline';
import type { MatrixCell, MatrixWorld } from '@warren/sim/matrix/cell';
import type { Profile } from '@warren/sim/matrix/profile';
import type { MatrixPair, MatrixReport } from '@warren/sim/matrix/report';
import type { Part } from '@warren/sim/matrix/resumed';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { EXIT_FAILED } from '../../exit-codes.js';
import { describe } from '../../help-text.js';
import { loadPart } from '../../optional-package.js';
import { renderFixesReport } from '../../render/fixes-report.js';
import { renderMatrixReport } from '../../render/matrix-report.js';
import type { Style } from '../../terminal.js';
import { chooseLabWorld } from '../demo-world.js';
import { chooseCells, parseCells, parseJobs, parsePart, parseProfiles } from './matrix-cells.js';
import { runFixesCommand } from './matrix-fixes.js';
import { RunRecord } from './run-record.js';

interface MatrixFlags {
  readonly json: boolean;
  readonly sim: boolean;
  readonly installDeps: boolean;
  readonly html?: string;
  readonly cells?: readonly MatrixCell[];
  readonly profiles?: readonly Profile[];
  readonly jobs?: number;
  readonly part?: Part;
  readonly resume?: string;
  readonly fixes: boolean;
  readonly baseline?: string;
  readonly update: boolean;
}

function progressLine(pair: MatrixPair, done: number, of: number): string {
  const way = pair.actual === 'direct' ? `direct (${pair.method ?? '-'})` : pair.actual;
  const time = pair.directMs === null ? '' : ` after ${Math.round(pair.directMs)} ms`;
  const wrong = pair.problems.length === 0 ? '' : `; ${pair.problems.join('; ')}`;
  return `  ${done}/${of} ${pair.from} - ${pair.to}: ${way}${time}${wrong}`;
}

/** Where nothing is promised without advice. */
async function uncertain(cells: readonly MatrixCell[]): Promise<readonly MatrixCell[]> {
  const { isCertain, judgePair } = await import('@warren/sim/matrix/oracle');
  return cells.filter(({ left, right }) => !isCertain(judgePair(left, right)));
}

async function cellsFor(flags: MatrixFlags): Promise<readonly MatrixCell[]> {
  const { partOf } = await import('@warren/sim/matrix/resumed');
  const named = chooseCells(flags.cells, flags.profiles);
  const chosen = flags.fixes && flags.cells === undefined ? await uncertain(named) : named;
  return flags.part === undefined ? chosen : partOf(chosen, flags.part);
}

async function runMatrixCommand(
  flags: MatrixFlags,
  world: MatrixWorld,
  { cells, jobs }: { readonly cells: readonly MatrixCell[]; readonly jobs: number },
  { terminal, signal }: CliContext,
): Promise<MatrixReport> {
  const [{ runMatrix, tryAgain }, { matrixReport }, { PROFILES }, { cellsOf }, { remaining }] =
    await Promise.all([
      import('@warren/sim/matrix/run-matrix'),
      import('@warren/sim/matrix/report'),
      import('@warren/sim/matrix/profiles'),
      import('@warren/sim/matrix/cell'),
      import('@warren/sim/matrix/resumed'),
    ]);
  const record = await RunRecord.open<MatrixPair, MatrixReport>({
    ...{ path: flags.resume, world: world.kind },
    cells: flags.cells ?? cellsOf(PROFILES),
    entriesOf: ({ pairs }) => pairs,
    reportOf: (pairs, facts) => matrixReport(PROFILES, pairs, facts),
  });
  const onPair = (pair: MatrixPair, done: number, of: number): void => {
    record.add(pair);
    terminal.note(progressLine(pair, done, of));
  };
  const left = remaining(cells, record.entries);
  terminal.note(`${left.length} pairs, ${jobs} at a time ...`);
  await runMatrix({ world, cells: left, jobs, signal, onPair });
  // Models do the same again.
  if (world.kind === 'sim') return record.report();
  const short = record.entries.filter(
    ({ problems, firstTry }) => problems.length > 0 && firstTry === undefined,
  );
  if (short.length === 0) return record.report();
  terminal.note(`${short.length} pairs once more, each by itself ...`);
  const again = { world, cells: parseCells(short.map(nameOf).join(',')), signal };
  await tryAgain(again, short, () => false, onPair);
  return record.report();
}

function nameOf({ from, to }: MatrixPair): string {
  return `${from}:${to}`;
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

async function actOn(flags: MatrixFlags, context: CliContext): Promise<void> {
  const { terminal } = context;
  const paint = (style: Style, text: string): string => terminal.paint(style, text);
  const cells = await cellsFor(flags);
  const jobs = Math.max(1, Math.min(cells.length, flags.jobs ?? availableParallelism()));
  const world = await openWorld(flags, context);
  try {
    if (flags.fixes) {
      const report = await runFixesCommand(world, { cells, jobs, resume: flags.resume }, context);
      if (!report.ok) context.exitCode = EXIT_FAILED;
      if (flags.json) terminal.printJson(report);
      else for (const line of renderFixesReport(report, paint)) terminal.print(line);
      return;
    }
    const report = await runMatrixCommand(flags, world, { cells, jobs }, context);
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
    if (flags.json) terminal.printJson(report);
    else for (const line of renderMatrixReport(report, paint)) terminal.print(line);
  } finally {
    await world.close();
  }
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
    .option('--part <i/n>', 'only the i-th of n parts of the pairs, such as 1/4', parsePart)
    .option('--resume <file>', 'go on with what this report has, and keep it up to date')
    .option(
      '--fixes',
      'where a pair is relayed, do what `warren why` advises, and look again',
      false,
    )
    .action((flags: MatrixFlags) => actOn(flags, context));
  describe(
    command,
    [
      ['warren lab matrix --sim --html matrix.html', 'all pairs, and a page to look at'],
      ['warren lab matrix --sim --cells easy:hard,hard:hard', 'two of them'],
      ['warren lab matrix --sim --profiles easy,hard,public --json', 'the evidence for six'],
      ['warren lab matrix --part 1/4 --resume lab.json', 'a quarter; the same again goes on'],
      ['warren lab matrix --sim --fixes', 'is the advice of `warren why` good?'],
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
