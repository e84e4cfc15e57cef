import { isFailure } from '@warren/core/base/failure';
import {
  KEEPALIVE_BYTES,
  MESSAGE,
  messageTypeOf,
  paddedLength,
  readCounter,
  readUint32,
  writeCounter,
  writeUint32,
} from '@warren/core/wireguard/messages';
import fc from 'fast-check';
import { expect, test } from 'vitest';

function typed(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = type;
  return bytes;
}

test('each message is known by its type and its length', () => {
  expect(messageTypeOf(typed(1, 148), 0, 148)).toBe(MESSAGE.initiation);
  expect(messageTypeOf(typed(2, 92), 0, 92)).toBe(MESSAGE.response);
  expect(messageTypeOf(typed(3, 64), 0, 64)).toBe(MESSAGE.cookieReply);
  expect(messageTypeOf(typed(4, 32), 0, 32)).toBe(MESSAGE.transport);
  expect(messageTypeOf(typed(4, 1472), 0, 1472)).toBe(MESSAGE.transport);
});

test('every other length of a handshake message is refused', () => {
  for (const [type, right] of [
    [1, 148],
    [2, 92],
    [3, 64],
  ] as const) {
    for (let length = 0; length < 256; length++) {
      if (length === right) continue;
      expect(isFailure(messageTypeOf(typed(type, 256), 0, length))).toBe(true);
    }
  }
  for (let length = 0; length < KEEPALIVE_BYTES; length++) {
    expect(isFailure(messageTypeOf(typed(4, 64), 0, length))).toBe(true);
  }
});

test('unknown types and reserved bytes that are not zero are refused', () => {
  const bytes = typed(4, 64);
  for (const at of [1, 2, 3]) {
    const touched = bytes.slice();
    touched[at] = 1;
    expect(messageTypeOf(touched, 0, 64)).toMatchObject({ reason: 'wireguard-bad-type' });
  }
  for (const type of [0, 5, 7, 255]) {
    expect(messageTypeOf(typed(type, 148), 0, 148)).toMatchObject({ reason: 'wireguard-bad-type' });
  }
});

test('integers are little-endian and survive a round trip', () => {
  const bytes = new Uint8Array(12);
  writeUint32(bytes, 2, 0x89abcdef);
  expect([...bytes.subarray(2, 6)]).toEqual([0xef, 0xcd, 0xab, 0x89]);
  expect(readUint32(bytes, 2)).toBe(0x89abcdef);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (counter) => {
      writeCounter(bytes, 3, counter);
      expect(new DataView(bytes.buffer).getBigUint64(3, true)).toBe(BigInt(counter));
      expect(readCounter(bytes, 3)).toBe(counter);
    }),
  );
});

test('counters beyond 2^53 never read as smaller ones', () => {
  const bytes = new Uint8Array(8);
  fc.assert(
    fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (counter) => {
      new DataView(bytes.buffer).setBigUint64(0, counter, true);
      expect(readCounter(bytes, 0)).toBeGreaterThanOrEqual(2 ** 53);
    }),
  );
});

test('plaintext is padded to 16 bytes, but not beyond the MTU', () => {
  expect(paddedLength(0, 1280)).toBe(0);
  expect(paddedLength(1, 1280)).toBe(16);
  expect(paddedLength(16, 1280)).toBe(16);
  expect(paddedLength(17, 1280)).toBe(32);
  expect(paddedLength(1280, 1280)).toBe(1280);
  expect(paddedLength(1415, 1420)).toBe(1420);
  expect(paddedLength(1420, 1420)).toBe(1420);
  expect(paddedLength(1500, 1420)).toBe(1500);
});
