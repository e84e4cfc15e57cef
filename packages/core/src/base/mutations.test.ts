import { expect, test } from 'vitest';
import { encodeHex, equalBytes } from './bytes.js';
import { bitFlips, extensions, inflations, mutations, truncations } from './mutations.js';

const valid = Uint8Array.from([1, 2, 3]);
const hexOf = (list: Iterable<Uint8Array>) => Array.from(list, encodeHex);

test('every kind of damage is done at every place', () => {
  expect(hexOf(truncations(valid))).toEqual(['', '01', '0102']);
  const flips = hexOf(bitFlips(valid));
  expect(flips).toHaveLength(24);
  expect(flips.slice(0, 2)).toEqual(['810203', '410203']);
  expect(flips.at(-1)).toBe('010202');
  expect(hexOf(inflations(valid))).toEqual(['ffff03', '01ffff']);
  expect(Array.from(extensions(valid), ({ length }) => length)).toEqual([4, 5, 7, 11, 19, 35, 67]);
});

test('no mutation is the original, and the original stays whole', () => {
  for (const damaged of mutations(valid)) expect(equalBytes(damaged, valid)).toBe(false);
  expect(encodeHex(valid)).toBe('010203');
});
