import { expect, test } from 'vitest';
import { after, instant } from '../base/instant.js';
import { ByteBucket } from './byte-bucket.js';

const start = instant(100);

test('starts full, then gives the rate', () => {
  const bucket = new ByteBucket({ bytesPerSecond: 1000, burstBytes: 500 }, start);
  expect(bucket.take(500, start)).toBe(true);
  expect(bucket.take(1, start)).toBe(false);
  expect(bucket.readyAt(100, start)).toBe(after(start, 100));
  expect(bucket.take(100, after(start, 99))).toBe(false);
  expect(bucket.take(100, after(start, 100))).toBe(true);
  expect(bucket.take(501, after(start, 10_000))).toBe(true); // never more than the burst is saved
  expect(bucket.take(1, after(start, 10_000))).toBe(false);
});

test('a packet above the burst passes on a full bucket and is paid for later', () => {
  const bucket = new ByteBucket({ bytesPerSecond: 1000, burstBytes: 100 }, start);
  expect(bucket.take(1100, start)).toBe(true);
  expect(bucket.take(1, after(start, 1000))).toBe(false);
  expect(bucket.take(1, after(start, 1001))).toBe(true);
});

test('a clock that stands still or goes back adds nothing', () => {
  const bucket = new ByteBucket({ bytesPerSecond: 1000, burstBytes: 100 }, start);
  expect(bucket.take(100, start)).toBe(true);
  expect(bucket.take(1, instant(0))).toBe(false);
});
