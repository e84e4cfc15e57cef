import { expect, test } from 'vitest';
import { meanOf, quantile, ratio, shareOf, summarize } from './statistics.js';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

test('a quantile is one of the values', () => {
  expect([0, 0.5, 0.95, 1].map((share) => quantile(hundred, share))).toEqual([1, 51, 96, 100]);
  expect(quantile([7], 0.5)).toBe(7);
  expect(quantile([], 0.5)).toBeNaN();
});

test('a summary of nothing says so', () => {
  expect(summarize(hundred)).toEqual({ p50: 51, p95: 96, max: 100 });
  expect(summarize([])).toEqual({ p50: null, p95: null, max: null });
});

test('rounds in which one has no value do not count in the ratio', () => {
  expect(ratio([100, null, 300, 50], [200, 100, 300, null])).toEqual({
    ofMedians: 1,
    p10: 0.5,
    p90: 1,
  });
  expect(ratio([], [])).toEqual({ ofMedians: null, p10: null, p90: null });
});

test('the interval of a share is that of Wilson', () => {
  // Computed by hand from the formula, and as tables of it have them.
  const rounded = (tries: readonly [number, number]) =>
    Object.values(shareOf(...tries)).map((value) => Number(value.toFixed(4)));
  expect(rounded([9, 10])).toEqual([0.9, 0.5958, 0.9821]);
  expect(rounded([300, 300])).toEqual([1, 0.9874, 1]);
  expect(rounded([0, 300])).toEqual([0, 0, 0.0126]);
  expect(rounded([297, 300])).toEqual([0.99, 0.971, 0.9966]);
  expect(rounded([0, 0])).toEqual([0, 0, 1]);
});

test('of nothing there is no mean', () => {
  expect([meanOf([]), meanOf([1, 2, 6])]).toEqual([null, 3]);
});
