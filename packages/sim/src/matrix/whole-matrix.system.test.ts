/** Every cell of the matrix in the simulator, as `warren lab matrix --sim` runs it, against its baseline. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { compareWithBaseline, type MatrixBaseline } from './baseline.js';
import { cellName, cellsOf } from './cell.js';
import { isCertain, judgePair } from './oracle.js';
import { PROFILES, profileNamed } from './profiles.js';
import { type MatrixReport, matrixReport } from './report.js';
import { runMatrix } from './run-matrix.js';

/** A cell takes a quarter of a second of an idle core, and there are some five hundred. */
const TIMEOUT_MS = 900_000;
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
/** The built one: it starts processes of what is built. */
const built = path('../../dist/matrix/sim-matrix.js');

const baseline = JSON.parse(
  readFileSync(path('../../../../docs/matrix/sim.json'), 'utf8'),
) as MatrixBaseline;

describe('the whole matrix in the simulator', () => {
  let report: MatrixReport;

  beforeAll(async () => {
    expect(existsSync(built), 'built: npm run build').toBe(true);
    const { openSimMatrix } = (await import(built)) as typeof import('./sim-matrix.js');
    const world = openSimMatrix();
    try {
      const pairs = await runMatrix({
        world,
        cells: cellsOf(PROFILES),
        jobs: availableParallelism(),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const facts = { world: 'sim', commit: null, date: '', durationMs: 0 } as const;
      report = matrixReport(PROFILES, pairs, facts);
    } finally {
      await world.close();
    }
  }, TIMEOUT_MS);

  test('no cell falls from direct to relay, and what has to be direct is, but for the known', () => {
    expect(compareWithBaseline(report, baseline).problems).toEqual([]);
  });

  test('every pair talks, and none is direct that has no way', () => {
    const bad = report.pairs.filter(
      ({ actual, oracle }) =>
        actual === 'none' || (actual === 'direct' && /family|UDP/.test(oracle.reason)),
    );
    expect(bad.map(({ from, to, actual }) => `${from}:${to} ${actual}`)).toEqual([]);
  });
});

test('the baseline has every cell, and excuses none without a reason or without need', () => {
  const names = cellsOf(PROFILES).map(cellName);
  expect(Object.keys(baseline.cells).sort()).toEqual([...names].sort());
  for (const [name, reason] of Object.entries(baseline.fallsShort)) {
    const [left, right] = name.split(':').map(profileNamed);
    if (left === undefined || right === undefined) throw new Error(`${name} is no cell`);
    expect(isCertain(judgePair(left, right)), name).toBe(true);
    expect(baseline.cells[name], name).toBe('relay');
    expect(reason.length, name).toBeGreaterThan(20);
  }
});
