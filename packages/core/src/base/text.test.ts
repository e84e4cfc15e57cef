import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64, decodeUtf8, encodeBase64, encodeBase64Url, encodeUtf8 } from './text.js';

const base64Of = (text: string) => encodeBase64(encodeUtf8(text));

test('base64 gives the vectors of RFC 4648 section 10', () => {
  const vectors = ['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', 'Zm9vYmFy'];
  for (const [length, encoded] of vectors.entries()) {
    const plain = 'foobar'.slice(0, length);
    expect(base64Of(plain)).toBe(encoded);
    expect(decodeBase64(encoded)).toEqual(encodeUtf8(plain));
  }
});

test('base64 agrees with the runtime in both alphabets', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const buffer = Buffer.from(bytes);
      expect(encodeBase64(bytes)).toBe(buffer.toString('base64'));
      expect(encodeBase64Url(bytes)).toBe(buffer.toString('base64url'));
      expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
      expect(decodeBase64(encodeBase64Url(bytes))).toEqual(bytes);
    }),
  );
});

test('what is not base64 is refused', () => {
  for (const text of [
    'A',
    'AA=',
    'AAA==',
    'AAAA=',
    'AAAAA',
    'AA===',
    '=',
    '==',
    'A A=',
    'AA\n=',
    'Ä===',
  ]) {
    expect(decodeBase64(text)).toBeUndefined();
  }
});

test('text survives UTF-8, a byte order mark included', () => {
  for (const text of ['', 'a', 'ß', '€', '💬', '\ufeffmark', '\u0000']) {
    expect(decodeUtf8(encodeUtf8(text))).toBe(text);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(decodeUtf8(encodeUtf8(text))).toBe(text);
    }),
  );
});

test('bytes that are not UTF-8 are refused', () => {
  const broken = [
    [0xff],
    [0xc3],
    [0xc3, 0x28],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ];
  for (const bytes of broken) expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
});
