import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, hexLiteral } from '../base/bytes.js';
import { foldSum, PlainChecksum } from './checksum.js';
import { naiveSum } from './testing/packets.js';

describe('the plain checksum', () => {
  test("sums RFC 1071's example", () => {
    const memory = hexLiteral('0001f203f4f5f6f7');
    expect(new PlainChecksum(memory).sum(0, 8, 0)).toBe(0xddf2);
  });

  test('finds the header of RFC 1071-style textbooks whole: all of it sums to 0xffff', () => {
    const header = hexLiteral('45000073000040004011b861c0a80001c0a800c7');
    expect(new PlainChecksum(header).sum(0, 20, 0)).toBe(0xffff);
  });

  test('counts an odd last byte as the high half of a word, and carries on', () => {
    const checksum = new PlainChecksum(hexLiteral('0102030405ff'));
    expect(checksum.sum(0, 5, 0)).toBe(0x0102 + 0x0304 + 0x0500);
    expect(checksum.sum(1, 1, 0xffff)).toBe(0x0200);
    expect(checksum.sum(0, 0, 0)).toBe(0);
    expect(checksum.sum(0, 0, 0x1ffff)).toBe(1);
  });

  test('holds the largest sum there is', () => {
    const memory = new Uint8Array(131_072).fill(0xff);
    expect(new PlainChecksum(memory).sum(0, memory.length, 0x7fff_ffff)).toBe(
      foldSum(0xffff + 0x7fff_ffff),
    );
  });

  test('equals word by word addition at every offset and length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(7),
        fc.nat(0x7fff_ffff),
        (bytes, before, initial) => {
          const memory = new Uint8Array(before + bytes.length + 3).fill(0xa5);
          memory.set(bytes, before);
          const checksum = new PlainChecksum(memory);
          expect(checksum.sum(before, bytes.length, initial)).toBe(naiveSum(bytes, initial));
        },
      ),
    );
  });

  test('copies and sums at once, and touches nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), (bytes, before) => {
        const memory = new Uint8Array(300).fill(0x5a);
        memory.set(bytes, before);
        const expected = memory.slice();
        expected.set(bytes, 150);
        const sum = new PlainChecksum(memory).copy(150, before, bytes.length, 99);
        expect(sum).toBe(naiveSum(bytes, 99));
        expect(equalBytes(memory, expected)).toBe(true);
      }),
    );
  });
});
