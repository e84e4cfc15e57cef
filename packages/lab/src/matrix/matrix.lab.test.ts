/**
 * Cells of the matrix behind real NATs: no worse than they were (docs/matrix/lab.json), and as in the
 * simulator. Forty are always the same, ten change with the commit; `warren lab matrix` runs them all.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { baselineOf, compareWithBaseline, type MatrixBaseline } from '@warren/sim/matrix/baseline';
import { cellName, type MatrixWorld } from '@warren/sim/matrix/cell';
import { PROFILES } from '@warren/sim/matrix/profiles';
import {
  type MatrixPair,
  type MatrixReport,
  matrixReport,
  pairOf,
} from '@warren/sim/matrix/report';
import { runMatrix, tryAgain } from '@warren/sim/matrix/run-matrix';
import { runSimCell } from '@warren/sim/matrix/sim-cell';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { FIXED_CELLS, rotatingCells } from './chosen-cells.js';
import { openLabMatrix } from './lab-matrix.js';

const skips = await skipsLab();

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const MAIN_SCRIPT = `${ROOT}packages/cli/dist/main.js`;

const ROTATING = 10;
/** Half of what a cell does is waiting. */
const LAB_JOBS = 3;
/** Six minutes on two quiet cores. */
const RUN_MS = 30 * 60_000;

/** The commit, or where there is no repository the day. */
function seed(): string {
  try {
    return execFileSync('git', ['-C', ROOT, 'rev-parse', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return new Date().toISOString().slice(0, 10);
  }
}

function baseline(world: 'lab' | 'sim'): MatrixBaseline {
  return JSON.parse(readFileSync(`${ROOT}docs/matrix/${world}.json`, 'utf8')) as MatrixBaseline;
}

/** What the cells were when that was last written down, and in the simulator. */
const LAST = baseline('lab');
const MODELLED = baseline('sim');

function reportOf(pairs: readonly MatrixPair[]): MatrixReport {
  return matrixReport(PROFILES, pairs, { world: 'lab', commit: null, date: '', durationMs: 0 });
}

/** Ports that are guessed are sometimes found later than a cell lasts; what nobody has written down may be so. */
function isLuck({ expected, oracle, from, to }: MatrixPair): boolean {
  if (expected === 'either') return true;
  const isGuessed = oracle.possible && oracle.kind !== 'a' && oracle.kind !== 'b';
  return isGuessed && LAST.cells[`${from}:${to}`] === undefined;
}

/** Cells that nobody has written down have to be what they are in the simulator, unless by luck. */
function baselineWith(models: readonly MatrixPair[]): MatrixBaseline {
  const unknown = models.filter((pair) => LAST.cells[`${pair.from}:${pair.to}`] === undefined);
  const asModelled = baselineOf(reportOf(unknown.filter((pair) => !isLuck(pair))), undefined);
  const byLuck = unknown.filter(isLuck);
  return {
    world: 'lab',
    fallsShort: { ...asModelled.fallsShort, ...LAST.fallsShort },
    cells: {
      ...Object.fromEntries(byLuck.map(({ from, to }) => [`${from}:${to}`, 'relay'])),
      ...asModelled.cells,
      ...LAST.cells,
    },
  };
}

/** Known to differ: two whose ports can't be told meet by chance in one world, or don't. */
function isWrittenApart({ from, to }: MatrixPair): boolean {
  const [real, modelled] = [LAST, MODELLED].map(
    ({ cells }) => cells[`${from}:${to}`]?.startsWith('direct') ?? null,
  );
  return real !== null && modelled !== null && real !== modelled;
}

const wayOf = ({ from, to, actual }: MatrixPair): string => `${from}:${to} ${actual}`;

describe.skipIf(skips)('the matrix', () => {
  const cells = [...FIXED_CELLS, ...rotatingCells(seed(), ROTATING)];
  const { signal } = new AbortController();
  let lab: MatrixWorld;
  let pairs: MatrixPair[] = [];
  let models: MatrixPair[] = [];

  beforeAll(async () => {
    const commandLine = [process.execPath, MAIN_SCRIPT];
    lab = await openLabMatrix({ commandLine, installDeps: false });
    const crypto = createNodeCrypto();
    models = cells.map((cell) => pairOf(cell, runSimCell(cell, { crypto })));
    const first = await runMatrix({ world: lab, cells, jobs: LAB_JOBS, signal });
    const isGood = (pair: MatrixPair): boolean => problemsOf([pair]).length === 0 && agrees(pair);
    pairs = await tryAgain({ world: lab, cells, signal }, first, isGood);
  }, RUN_MS);

  afterAll(async () => {
    await lab.close();
  });

  function problemsOf(some: readonly MatrixPair[]): readonly string[] {
    return compareWithBaseline(reportOf(some), baselineWith(models)).problems;
  }

  /** Where it takes luck, luck differs. */
  const isCertain = (pair: MatrixPair): boolean => !isLuck(pair) && !isWrittenApart(pair);

  function agrees(pair: MatrixPair): boolean {
    const model = models.find(({ from, to }) => from === pair.from && to === pair.to);
    return !isCertain(pair) || model?.actual === pair.actual;
  }

  test('is no worse in any cell than it was', () => {
    expect(problemsOf(pairs)).toEqual([]);
  });

  test('is in each cell what it is in the simulator', () => {
    expect(pairs.filter(isCertain).map(wayOf)).toEqual(models.filter(isCertain).map(wayOf));
  });

  test('has a baseline for every fixed cell', () => {
    const known = FIXED_CELLS.map(cellName).filter((name) => LAST.cells[name] !== undefined);
    expect(known).toEqual(FIXED_CELLS.map(cellName));
  });
});
