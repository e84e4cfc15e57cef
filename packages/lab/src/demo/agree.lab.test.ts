/** A disagreement of the two worlds would be a finding about the models: every pair talks alike in both. */
import { fileURLToPath } from 'node:url';
import { demoWorld, demoWorldWithoutPortMapping } from '@warren/sim/demo/demo-world';
import type { DemoReport } from '@warren/sim/demo/report';
import { runSimDemo } from '@warren/sim/demo/run-sim-demo';
import { describe, expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { runDemo } from './run-demo.js';

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const skips = await skipsLab();

/** How each pair talks and by what, and where its machines are. */
function outcome({ machines, pairs }: DemoReport): string[] {
  const places = machines.map(({ name, region, nat }) => `${name} ${region} ${nat}`);
  const ways = pairs.map(({ from, to, actual, method }) => {
    return `${[from, to].sort().join(' - ')}: ${actual} ${method}`;
  });
  return [...places, ...ways].sort();
}

describe.skipIf(skips)('the seven machines', () => {
  test.each([
    ['with home routers that map ports', demoWorld],
    ['without port mapping', demoWorldWithoutPortMapping],
  ])('%s find the same ways behind real NATs and in the simulator', async (_how, world) => {
    const lab = await runDemo(
      {
        commandLine: [process.execPath, MAIN_SCRIPT],
        keep: false,
        installDeps: false,
        world,
        signal: new AbortController().signal,
      },
      () => undefined,
    );
    expect(lab.pairs.flatMap(({ problems }) => problems)).toEqual([]);
    expect(lab.ok).toBe(true);
    const sim = await runSimDemo({ world }, () => undefined);
    expect(sim.ok).toBe(true);
    expect(outcome(sim)).toEqual(outcome(lab));
  });
});
