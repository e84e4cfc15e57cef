import { expect, test } from 'vitest';
import { judgeMemory } from './memory.js';

const MB = 1024 * 1024;
/** A collector's saw: up by a megabyte a sample, and down again every tenth. */
const saw = (i: number): number => 80 * MB + (i % 10) * MB;
const samples = (of: (i: number) => number): number[] =>
  Array.from({ length: 360 }, (_, i) => of(i));

test('a process that grows while it starts and then wavers is flat', () => {
  const report = judgeMemory(samples((i) => saw(i) - Math.max(0, 40 - i) * MB));
  expect(report.isFlat).toBe(true);
  expect(report.max).toBe(89 * MB);
});

test('a leak of a hundred kilobytes a sample shows, under the saw too', () => {
  expect(judgeMemory(samples((i) => saw(i) + i * 100_000)).isFlat).toBe(false);
});

test('memory that is given back is flat', () => {
  expect(judgeMemory(samples((i) => 200 * MB - i * 100_000)).isFlat).toBe(true);
});

test('no samples are no proof', () => {
  expect(judgeMemory([]).isFlat).toBe(false);
});
