import { expect, test } from 'vitest';
import { asDisplayText, asInteger, asObject, parseJson } from './json.js';
import { encodeUtf8 } from './text.js';

test('JSON that is none, or not UTF-8, is undefined', () => {
  expect(parseJson(encodeUtf8('{"a":1}'))).toEqual({ a: 1 });
  expect(parseJson(encodeUtf8('{"a":1'))).toBeUndefined();
  expect(parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toBeUndefined();
  expect(parseJson(encodeUtf8('null'))).toBeUndefined();
});

test('objects are neither arrays nor null', () => {
  expect(asObject([])).toBeUndefined();
  expect(asObject(null)).toBeUndefined();
  expect(asObject({})).toEqual({});
});

test('integers beyond the exact range of a double are refused', () => {
  expect(asInteger(2 ** 53 - 1, 1)).toBe(2 ** 53 - 1);
  expect(asInteger(2 ** 53, 1)).toBeUndefined();
  expect(asInteger(0, 1)).toBeUndefined();
  expect(asInteger(1.5, 1)).toBeUndefined();
});

test('text for people carries no terminal controls', () => {
  expect(asDisplayText('a\u001b[31mb\u0000\u202ec', 20)).toBe('a[31mbc');
  expect(asDisplayText('abcdef', 3)).toBe('abc');
  expect(asDisplayText(7, 3)).toBe('');
});
