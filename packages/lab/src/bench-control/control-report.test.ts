import { expect, test } from 'vitest';
import { axisOf, changeCostPlot } from './change-cost-plot.js';
import { COALESCING, type Contender, DURABILITY } from './contenders.js';
import { controlReport, type Setting } from './control-report.js';
import { controlText } from './control-text.js';
import { FIGURES } from './figures.js';
import type { ChangeFigures } from './network.js';
import type { Run } from './run-rounds.js';
import type { CurvePoint, Sample } from './stages.js';

const setting: Setting = {
  ...{ at: '2026-01-02T03:04:05.000Z', commit: 'abc+', headscale: '0.28.0' },
  machine: {
    ...{ processor: 'A', cores: 2, memoryGB: 8, kernel: '6.1', node: '20.1', congestion: 'cubic' },
  },
  ...{ coalescing: COALESCING, durability: DURABILITY },
  ...{ fleetProcesses: 2, joiningAtOnce: 64, seconds: 5 },
};

function changes(over: Partial<ChangeFigures>): ChangeFigures {
  return {
    ...{ perSecond: 10, changes: 100, lastP50Ms: 60, lastP99Ms: 90, lastMaxMs: 100 },
    ...{ eachP50Ms: 55, eachP99Ms: 80, missing: 0, needless: 0 },
    fleet: { delayP99Ms: 6, delayMaxMs: 12, load: 0.2 },
    ...{ cpu: 0.1, cpuMsPerChange: 10, idleCpu: 0.01 },
    memory: { rssMB: 200, pssMB: 190, peakMB: 300 },
    ...over,
  };
}

function run(contender: Contender, round: number, over: Partial<ChangeFigures>): Run {
  const joined = { seconds: 10 * round, cpuSeconds: 4, stranded: 0 };
  const sample: Sample = { nodes: 20, joined, changes: changes(over) };
  return { stage: 'groups', round, contender, sample };
}

const point = (audience: number, cpuMsPerChange: number): CurvePoint => ({
  ...{ audience, cpuMsPerChange, lastP50Ms: 60, lastP99Ms: 2 * audience, missing: 0 },
});

test('a ratio is of neighbours in time, and a round that failed has none', () => {
  const { figures } = controlReport(
    [
      run('warren', 1, { cpu: 0.1 }),
      run('headscale', 1, { cpu: 0.2 }),
      // Rounds begin with either; they come as they ran.
      run('headscale', 2, { cpu: 0.8 }),
      run('warren', 2, { cpu: 0.48 }),
      { stage: 'groups', round: 3, contender: 'warren', failure: 'it hangs' },
      run('headscale', 3, { cpu: 0.1 }),
    ],
    setting,
  );
  expect(figures['cpu']).toMatchObject({
    ours: { median: 29, each: [10, 48, null] },
    theirs: { median: 20, each: [20, 80, 10] },
    ratio: { median: 0.55, min: 0.5, max: 0.6, rounds: 2 },
    verdict: 'enough',
  });
  expect(figures['restartStock']).toBeUndefined();
});

test.each([
  [{ cpu: 0.1 }, 'cpu', 'goal'],
  [{ cpu: 0.15 }, 'cpu', 'enough'],
  [{ cpu: 0.3 }, 'cpu', 'short'],
  [{ lastP99Ms: 500 }, 'p99', 'goal'],
  [{ lastP99Ms: 500.1 }, 'p99', 'short'],
  [{ lastP99Ms: Number.NaN }, 'max', null],
] as const)('%j: %s is %s', (over, key, verdict) => {
  const runs = [run('warren', 1, over), run('headscale', 1, { cpu: 0.2 })];
  expect(controlReport(runs, setting).figures[key]?.verdict).toBe(verdict);
});

test('ours alone has no ratio and is judged by its limit', () => {
  const sample: Sample = {
    nodes: 100,
    joined: { seconds: 3, cpuSeconds: 2, stranded: 0 },
    changes: changes({ memory: { rssMB: 3000, pssMB: 2900, peakMB: 3500 } }),
  };
  const runs: Run[] = [{ stage: 'large', round: 1, contender: 'warren', sample }];
  const { figures } = controlReport(runs, setting);
  expect(figures['largeRss']).toMatchObject({ theirs: null, ratio: null, verdict: 'short' });
});

test('keys are told apart', () => {
  expect(new Set(FIGURES.map(({ key }) => key)).size).toBe(FIGURES.length);
});

test('the table says what was reached, what failed, and how late the fleet was', () => {
  const runs: Run[] = [
    run('warren', 1, { cpu: 0.1 }),
    run('headscale', 1, { cpu: 0.2, needless: 7 }),
    { stage: 'everybody', round: 1, contender: 'headscale', failure: 'it hangs' },
  ];
  const lines = controlText(controlReport(runs, setting)).split('\n');
  expect(lines.find((line) => line.startsWith('cpu '))).toMatch(
    / 10\.0 +20\.0 +% of one +0\.50 +0\.50-0\.50 +1 +0\.50, at most 1\.00 +goal$/,
  );
  expect(lines.find((line) => line.startsWith('max '))).toMatch(/ 100 +100 +ms +1\.00 .* 1$/);
  expect(lines).toContain('everybody, round 1, headscale: FAILED: it hangs');
  expect(lines.find((line) => line.startsWith('groups, round 1, headscale:'))).toMatch(
    /late by 6\.00 ms .*; told 7 times to who may not see it/,
  );
});

test('the curve is of medians by audience, and its plot has a point for each', () => {
  const curve = (contender: Contender, round: number, ...points: CurvePoint[]): Run => ({
    ...{ stage: 'curve', round, contender },
    sample: { nodes: 400, joined: { seconds: 1, cpuSeconds: 1, stranded: 0 }, curve: points },
  });
  const runs = [
    curve('warren', 1, point(100, 2), point(300, 6)),
    curve('warren', 2, point(100, 4), point(300, 10)),
    curve('headscale', 1, point(100, 20)),
  ];
  const report = controlReport(runs, setting);
  expect(report.curve.warren.map(({ cpuMsPerChange }) => cpuMsPerChange)).toEqual([3, 8]);
  const svg = changeCostPlot(report.curve);
  // Two panels, and a dot of each legend.
  expect(svg.match(/<circle/g)).toHaveLength(2 * 3 + 2);
  expect(svg).not.toMatch(/NaN|Infinity/);
  const alone = changeCostPlot({ warren: report.curve.warren, headscale: [] });
  expect(alone).not.toContain('headscale');
});

test.each([
  [[2, 30], { least: 1, most: 100, ticks: [1, 10, 100] }],
  [[100], { least: 100, most: 1000, ticks: [100, 1000] }],
  [[0, 5], { least: 1, most: 10, ticks: [1, 10] }],
])('an axis around %j', (values, axis) => {
  expect(axisOf(values)).toEqual(axis);
});
