import type { DemoPair, DemoReport } from '@warren/sim/demo/report';
import { expect, test } from 'vitest';
import { renderDemoReport } from './demo-report.js';

const plain = (_style: unknown, text: string): string => text;

const direct: DemoPair = {
  from: 'alpha',
  to: 'beta',
  expected: 'direct',
  actual: 'direct',
  method: 'punch',
  firstReplyMs: 91.4,
  directMs: 204.2,
  latencyMs: 64.31,
  wireRttMs: 62,
  relayDataFramesDuringTransfer: 0,
  transferredBytes: 2_000_000,
  intact: true,
  megabitsPerSecond: 21.04,
  problems: [],
};

const relayed: DemoPair = {
  ...direct,
  to: 'gamma',
  expected: 'relay',
  actual: 'relay',
  method: 'relay',
  directMs: null,
  latencyMs: 1.25,
  relayDataFramesDuringTransfer: 1873,
};

function reportOf(...pairs: DemoPair[]): DemoReport {
  const machine = (name: string) => ({ name, region: 'east', nat: 'easy', address: '100.64.0.1' });
  return {
    world: 'lab',
    machines: [machine('alpha'), machine('beta'), machine('gamma')],
    pairs,
    durationMs: 12_345,
    ok: pairs.every((pair) => pair.problems.length === 0),
  };
}

test('a matrix both ways, a row of evidence a pair, a sentence', () => {
  expect(renderDemoReport(reportOf(direct, relayed), plain).join('\n')).toBe(
    `         1      2      3
1 alpha  -      punch  relay
2 beta   punch  -      -
3 gamma  relay  -      -

PAIR           PATH    METHOD  ROUND TRIP  WIRES  FIRST REPLY  DIRECT AFTER  RELAYED FRAMES  MOVED  AT
alpha - beta   direct  punch   64 ms       62 ms  91 ms        204 ms        0               2 MB   21.0 Mbit/s
alpha - gamma  relay   -       1.3 ms      62 ms  91 ms        -             1873            2 MB   21.0 Mbit/s

1 direct, 1 relayed: 2 of 2 pairs as expected, every hash checked, in 12.3 s.`,
  );
});

test('problems are named and counted', () => {
  const broken = { ...direct, actual: 'none' as const, problems: ['no ping was answered'] };
  const lines = renderDemoReport(reportOf(broken, relayed), plain);
  expect(lines).toContain('alpha - beta: no ping was answered');
  expect(lines.at(-1)).toBe(
    '0 direct, 1 relayed, 1 not proven: 1 of 2 pairs as expected, every hash checked, in 12.3 s.',
  );
});

test('what a second try was needed for is told', () => {
  const second = { ...direct, firstTry: ['no ping was direct'] };
  const lines = renderDemoReport(reportOf(second, relayed), plain);
  expect(lines).toContain('alpha - beta, at a first try: no ping was direct');
  expect(lines.at(-1)).toContain('2 of 2 pairs as expected');
});

test('colours leave the columns alone', () => {
  const painted = renderDemoReport(reportOf(direct, relayed), (_style, text) => `<${text}>`);
  const bare = renderDemoReport(reportOf(direct, relayed), plain);
  expect(painted.map((line) => line.replace(/[<>]/g, ''))).toEqual(bare);
});
