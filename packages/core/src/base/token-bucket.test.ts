import { instant } from '@warren/core/base/instant';
import { TokenBucket } from '@warren/core/base/token-bucket';
import { expect, test } from 'vitest';

test('a burst is allowed, then the rate', () => {
  const bucket = new TokenBucket(3, 1);
  const taken = [0, 0, 0, 0, 500, 1000, 1500, 2000].map((at) => bucket.take(instant(at)));
  expect(taken).toEqual([true, true, true, false, false, true, false, true]);
});

test('a long pause refills to the capacity and no further', () => {
  const bucket = new TokenBucket(2, 1);
  bucket.take(instant(0));
  const taken = [60_000, 60_000, 60_000].map((at) => bucket.take(instant(at)));
  expect(taken).toEqual([true, true, false]);
});

test('a clock that steps back gives nothing away', () => {
  const bucket = new TokenBucket(1, 1);
  expect(bucket.take(instant(5000))).toBe(true);
  expect(bucket.take(instant(1000))).toBe(false);
});

test('several are taken together or not at all', () => {
  const bucket = new TokenBucket(5, 1);
  const taken = [3, 3, 2, 1].map((count) => bucket.take(instant(0), count));
  expect(taken).toEqual([true, false, true, false]);
  expect(bucket.take(instant(2000), 2)).toBe(true);
});
