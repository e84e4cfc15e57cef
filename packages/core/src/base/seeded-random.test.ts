import { expect, test } from 'vitest';
import { BugError } from './assert.js';
import { encodeHex } from './bytes.js';
import { SeededRandom } from './seeded-random.js';

const bytesOf = (random: SeededRandom, length: number) => random.fill(new Uint8Array(length));

test('a seed always gives the same bytes, another seed others', () => {
  expect(bytesOf(new SeededRandom(7), 100)).toEqual(bytesOf(new SeededRandom(7), 100));
  const starts = new Set<string>();
  for (let seed = -500; seed < 500; seed++)
    starts.add(encodeHex(bytesOf(new SeededRandom(seed), 8)));
  expect(starts.size).toBe(1000);
});

test('every recorded seed stays good: the stream never changes between releases', () => {
  expect(encodeHex(bytesOf(new SeededRandom(0), 16))).toBe('2037b06a9e34ae02a4664996b9fcb2e4');
  expect(encodeHex(bytesOf(new SeededRandom(1), 16))).toBe('d4197117e52d9681b39a60e37ac1bc7c');
});

test('any length is filled completely', () => {
  for (let length = 0; length < 20; length++) {
    const sums = new Uint8Array(length);
    for (let seed = 0; seed < 40; seed++) {
      for (const [i, byte] of bytesOf(new SeededRandom(seed), length).entries()) {
        sums[i] = (sums[i] ?? 0) | byte;
      }
    }
    expect(sums.every((sum) => sum > 0)).toBe(true);
  }
});

test('bytes, bounded numbers and fractions are spread evenly', () => {
  const random = new SeededRandom(42);
  const bits = new Array<number>(8).fill(0);
  for (const byte of bytesOf(random, 8000)) {
    for (let bit = 0; bit < 8; bit++) bits[bit] = (bits[bit] ?? 0) + ((byte >> bit) & 1);
  }
  for (const ones of bits) expect(Math.abs(ones - 4000)).toBeLessThan(250);

  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 7000; i++) {
    const value = random.below(7);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  expect(counts).toHaveLength(7);
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);

  let sum = 0;
  for (let i = 0; i < 4000; i++) {
    const fraction = random.fraction();
    expect(fraction >= 0 && fraction < 1).toBe(true);
    sum += fraction;
  }
  expect(Math.abs(sum / 4000 - 0.5)).toBeLessThan(0.03);
});

test('a fork does not move when its parent is used more', () => {
  const [quiet, busy] = [new SeededRandom(3), new SeededRandom(3)];
  const [left, right] = [quiet.fork(), busy.fork()];
  bytesOf(busy, 1000);
  expect(bytesOf(left, 50)).toEqual(bytesOf(right, 50));
});

test('limits and seeds that make no sense are bugs', () => {
  for (const limit of [0, -1, 1.5, 2 ** 32 + 1]) {
    expect(() => new SeededRandom(1).below(limit)).toThrow(BugError);
  }
  expect(() => new SeededRandom(0.5)).toThrow(BugError);
  expect(new SeededRandom(1).below(1)).toBe(0);
});
