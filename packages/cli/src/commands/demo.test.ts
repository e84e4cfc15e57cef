import { expect, test } from 'vitest';
import { demoNote } from './demo.js';

const pair = {
  from: 'alpha',
  to: 'beta',
  expected: 'relay',
  actual: 'relay',
  method: 'relay',
  firstReplyMs: 80,
  directMs: null,
  latencyMs: 64,
  wireRttMs: 62,
  relayDataFramesDuringTransfer: 1,
  transferredBytes: 1,
  intact: true,
  megabitsPerSecond: 1,
  problems: [],
} as const;

test('a pair is told with how it came about, where that says more than the path', () => {
  expect(demoNote({ type: 'pair', done: 1, of: 6, pair })).toMatch(/1\/6 alpha - beta: relay$/);
  const punched = { ...pair, actual: 'direct', method: 'punch' } as const;
  expect(demoNote({ type: 'pair', done: 2, of: 6, pair: punched })).toMatch(/: direct \(punch\)$/);
});

test('what stays is named with the commands that enter and end it', () => {
  const note = demoNote({ type: 'kept', machines: ['alpha', 'beta', 'hub'] });
  expect(note).toContain('alpha, beta, hub');
  expect(note).toContain('`warren lab shell alpha`');
  expect(note).toContain('`warren lab down`');
});
