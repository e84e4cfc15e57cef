import { expect, test } from 'vitest';
import { type FigureReport, figureReport } from './bench-report.js';
import { benchText } from './bench-text.js';
import type { Contender } from './contenders.js';
import { FIGURES, type Figure, figuresOf } from './figures.js';
import type { Round, Run } from './rounds.js';

function figureOf(key: string): Figure {
  const [figure] = figuresOf([key]);
  if (figure === undefined) throw new Error(`no figure ${key}`);
  return figure;
}

/** Rounds of two contenders; a text is the reason of a failure. */
function roundsOf(figure: Figure, pairs: readonly (readonly [Cell, Cell])[]): Round[] {
  const runOf = (cell: Cell): Run =>
    typeof cell === 'number' ? { value: cell } : { failure: cell };
  return pairs.map(
    ([mine, other]) =>
      new Map<Contender, Run>([
        [figure.ours, runOf(mine)],
        [figure.theirs, runOf(other)],
      ]),
  );
}
type Cell = number | string;

function report(key: string, ...pairs: readonly (readonly [Cell, Cell])[]): FigureReport {
  const figure = figureOf(key);
  return figureReport(figure, roundsOf(figure, pairs));
}

test('the ratio is of neighbours in time, whatever the machine does between rounds', () => {
  const { median, min, max, rounds, ours, theirs, verdict } = report(
    'tcpSingle',
    ...([
      [150, 100],
      [280, 200],
      [80, 50],
    ] as const),
  );
  expect({ median, min, max, rounds }).toEqual({ median: 1.5, min: 1.4, max: 1.6, rounds: 3 });
  expect([ours.median, theirs.median, verdict]).toEqual([150, 100, 'goal']);
});

test('of an even number of rounds the median lies between the middle two', () => {
  const { median } = report('tcpSingle', [1, 1], [2, 1], [4, 1], [9, 1]);
  expect(median).toBe(3);
});

test('a round in which one has failed has no ratio, and is told', () => {
  const found = report('tcpSingle', ['it hangs', 100], [130, 100]);
  expect(found).toMatchObject({ median: 1.3, rounds: 1, verdict: 'enough' });
  expect(found.failed).toEqual([{ round: 1, contender: 'warren', failure: 'it hangs' }]);
  expect([found.ours.each, found.theirs.each]).toEqual([
    [null, 130],
    [100, 100],
  ]);
});

test('where nothing was measured nothing is claimed', () => {
  const none = { median: null, min: null, max: null, rounds: 0, verdict: 'nothing' };
  expect(report('rssPlane', ['no tool', 1])).toMatchObject(none);
  expect(report('rssPlane')).toMatchObject(none);
});

test.each([
  ['tcpSingle', 1.25, 'enough'],
  ['tcpSingle', 1.249, 'short'],
  ['rssPlane', 0.5, 'goal'],
  ['rssPlane', 0.7, 'enough'],
  ['rssPlane', 0.701, 'short'],
] as const)('%s of %f is %s', (key, value, verdict) => {
  expect(report(key, [value, 1]).verdict).toBe(verdict);
});

test('every goal is at least as good as what is not done below, and keys are told apart', () => {
  for (const { key, better, goal, least } of FIGURES) {
    expect(better === 'more' ? goal >= least : goal <= least, key).toBe(true);
  }
  expect(new Set(FIGURES.map(({ key }) => key)).size).toBe(FIGURES.length);
  expect(figuresOf(['pingIdle', 'tcpSingle']).map(({ key }) => key)).toEqual([
    ...['tcpSingle', 'pingIdle'],
  ]);
  expect(() => figuresOf(['tcpDouble'])).toThrow('no figure is called tcpDouble; there are tcp');
});

test('the table says what was reached, and which runs failed', () => {
  const text = benchText({
    ratios: {
      tcpSingle: report('tcpSingle', [1600, 1000]),
      pingIdle: report('pingIdle', [0.65, 0.5], ['too few answers', 0.5]),
    },
    ways: { warren: 'raw' },
    machine: {
      ...{
        processor: 'A',
        cores: 2,
        memoryGB: 8,
        kernel: '6.1',
        node: '20.1',
        congestion: 'cubic',
      },
    },
    ...{ commit: 'abc+', at: '2026-01-02T03:04:05.000Z', secondsPerRun: 5 },
  });
  const lines = text.split('\n');
  expect(lines[0]).toContain('commit abc+');
  expect(lines.find((line) => line.startsWith('tcpSingle '))).toMatch(
    / 1600 +1000 +- +Mbit\/s +1\.60 +1\.60-1\.60 +1 +1\.50 +1\.25 +goal$/,
  );
  expect(lines.find((line) => line.startsWith('pingIdle '))).toMatch(
    / 0\.65 +0\.50 +- +ms +1\.30 .* above 1\.20 +NOT DONE$/,
  );
  expect(lines).toContain('warren: raw');
  expect(lines.at(-1)).toBe('pingIdle, round 2, warren: too few answers');
});
