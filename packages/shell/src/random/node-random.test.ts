import { expect, test } from 'vitest';
import { createNodeRandom } from './node-random.js';

test('fills exactly the target and never repeats itself', () => {
  const random = createNodeRandom();
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const target = new Uint8Array(28);
    expect(random.fill(target.subarray(2, 26))).toHaveLength(24);
    expect([target[0], target[1], target[26], target[27]]).toEqual([0, 0, 0, 0]);
    seen.add(Buffer.from(target).toString('hex'));
  }
  expect(seen.size).toBe(2000);
});

test('serves requests of every size', () => {
  const random = createNodeRandom();
  for (const length of [0, 1, 511, 512, 513, 8192, 100_000]) {
    const filled = random.fill(new Uint8Array(length));
    expect(filled).toHaveLength(length);
    if (length > 100) expect(new Set(filled).size).toBeGreaterThan(50);
  }
});
