/**
 * Advice carried out behind real NATs, as `warren lab matrix --fixes` does for every cell: each of these gets the path
 * that was promised. why.lab.test.ts has a port that is mapped.
 */
import { fileURLToPath } from 'node:url';
import type { MatrixWorld } from '@warren/sim/matrix/cell';
import { type FixedCell, runFixes } from '@warren/sim/matrix/fixes';
import { profileNamed } from '@warren/sim/matrix/profiles';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { openLabMatrix } from './lab-matrix.js';

const skips = await skipsLab();
const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
/** A minute of two quiet cores. */
const RUN_MS = 300_000;

/** A pair, what is advised there, and the path by it. */
const PROMISES = [
  ['hard', 'udp-blocked', 'allow-udp-and-forward', 'static'],
  ['hard', 'ipv6-only', 'enable-ipv6', 'ipv6'],
] as const;

describe.skipIf(skips)('what is advised', () => {
  let lab: MatrixWorld;
  let fixed: readonly FixedCell[];

  beforeAll(async () => {
    lab = await openLabMatrix({ commandLine: [process.execPath, MAIN_SCRIPT], installDeps: false });
    const cells = PROMISES.map(([left, right]) => {
      const ends = { left: profileNamed(left), right: profileNamed(right) };
      if (ends.left === undefined || ends.right === undefined) throw new Error('both are profiles');
      return { left: ends.left, right: ends.right };
    });
    const { signal } = new AbortController();
    fixed = await runFixes({ world: lab, cells, jobs: PROMISES.length, signal });
  }, RUN_MS);

  afterAll(async () => {
    await lab.close();
  });

  test.each(PROMISES)('for %s and %s gives what it promises', (from, to, code, effect) => {
    const cell = fixed.find((one) => one.from === from && one.to === to);
    expect(cell).toMatchObject({
      verdict: 'relayed',
      fix: { code, effect },
      after: { actual: 'direct', method: effect },
      problem: null,
    });
  });
});
