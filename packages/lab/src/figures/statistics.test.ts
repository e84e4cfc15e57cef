import { expect, test } from 'vitest';
import { quantile, ratio, summarize } from './statistics.js';

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
