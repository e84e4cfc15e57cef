import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from './assert.js';
import {
  concatBytes,
  decodeHex,
  encodeHex,
  equalBytes,
  equalSecret,
  hexLiteral,
  isAllZero,
  viewOf,
} from './bytes.js';

test('hex of either case is read, lower case is written', () => {
  expect(decodeHex('00ff10Ab')).toEqual(new Uint8Array([0, 255, 16, 171]));
  expect(encodeHex(new Uint8Array([0, 255, 16, 171]))).toBe('00ff10ab');
  expect(decodeHex('')).toEqual(new Uint8Array());
});

test('hex survives a round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeHex(encodeHex(bytes))).toEqual(bytes);
    }),
  );
});

test('what is not hex is refused', () => {
  for (const text of ['0', 'abc', '0x', 'gg', '0 ', ' 0', '+1', '-1', '1e\n', '٠٠', '00\u0000']) {
    expect(decodeHex(text)).toBeUndefined();
  }
  expect(() => hexLiteral('0')).toThrow(BugError);
});

test('both comparisons agree with the text of the bytes', () => {
  const short = fc.uint8Array({ maxLength: 3, max: 2 });
  fc.assert(
    fc.property(short, short, (a, b) => {
      const same = encodeHex(a) === encodeHex(b);
      expect(equalBytes(a, b)).toBe(same);
      expect(equalSecret(a, b)).toBe(same);
    }),
  );
});

test('parts are joined in order into memory of their own', () => {
  const first = new Uint8Array([1, 2]);
  const joined = concatBytes(first, new Uint8Array(), new Uint8Array([3]));
  first[0] = 9;
  expect(joined).toEqual(new Uint8Array([1, 2, 3]));
  expect(concatBytes()).toHaveLength(0);
});

test('zero is all zero, anything else is not', () => {
  expect(isAllZero(new Uint8Array(32))).toBe(true);
  expect(isAllZero(new Uint8Array())).toBe(true);
  for (let bit = 0; bit < 256; bit++) {
    const bytes = new Uint8Array(32);
    bytes[bit >> 3] = 1 << (bit & 7);
    expect(isAllZero(bytes)).toBe(false);
  }
});

test('a view covers exactly its bytes', () => {
  const view = viewOf(new Uint8Array([0, 1, 2, 3, 4, 5]).subarray(2, 4));
  expect(view.byteLength).toBe(2);
  expect(view.getUint16(0)).toBe(0x0203);
});
