import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { chunkBytes, seededChunks } from './seeded-stream.js';

function all(seed: number, bytes: number): Buffer {
  return Buffer.concat([...seededChunks(seed, bytes)]);
}

test('exactly as many bytes as asked for', () => {
  for (const bytes of [0, 1, 4, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes + 7]) {
    expect(all(1, bytes).length).toBe(bytes);
  }
});

test('the same seed gives the same bytes, another seed others', () => {
  expect(all(7, 100_000).equals(all(7, 100_000))).toBe(true);
  expect(all(7, 100_000).equals(all(9, 100_000))).toBe(false);
  expect(all(7, 100_000).subarray(0, 50_000).equals(all(7, 50_000))).toBe(true);
});

test('chunks differ from each other and do not compress', () => {
  const chunks = [...seededChunks(3, 8 * chunkBytes)];
  const hashes = chunks.map((chunk) => createHash('sha256').update(chunk).digest('hex'));
  expect(new Set(hashes).size).toBe(8);
  expect(gzipSync(all(3, chunkBytes)).length).toBeGreaterThan(0.99 * chunkBytes);
});

test('seed zero works', () => {
  expect(all(0, 64).some((byte) => byte !== 0)).toBe(true);
});
