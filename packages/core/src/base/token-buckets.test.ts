import { expect, test } from 'vitest';
import { instant } from './instant.js';
import { TokenBuckets } from './token-buckets.js';

const limit = { burst: 2, perSecond: 1 };

test('each key has a bucket of its own', () => {
  const buckets = new TokenBuckets<string>(limit, 10);
  const take = (key: string, ms: number): boolean => buckets.take(key, instant(ms));
  expect([take('a', 0), take('a', 0), take('a', 0), take('b', 0)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(take('a', 1000)).toBe(true);
});

test('a bucket gives several tokens or none', () => {
  const buckets = new TokenBuckets<string>(limit, 10);
  expect(buckets.take('a', instant(0), 3)).toBe(false);
  expect(buckets.take('a', instant(0), 2)).toBe(true);
});

test('the key that was used longest ago makes room, and comes back with a full bucket', () => {
  const buckets = new TokenBuckets<string>(limit, 2);
  for (const key of ['a', 'a', 'b', 'b', 'a']) buckets.take(key, instant(0));
  buckets.take('c', instant(0));
  expect(buckets.size).toBe(2);
  expect(buckets.take('a', instant(0))).toBe(false);
  expect(buckets.take('b', instant(0))).toBe(true);
});
