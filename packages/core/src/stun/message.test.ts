import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { encodeUtf8 } from '../base/text.js';
import { addressFromBytes, endpoint } from '../ip/address.js';
import { crc32 } from './crc32.js';
import {
  addressValueBytes,
  decodeHeader,
  fingerprintOf,
  MessageType,
  putHeader,
  putXorAddress,
  readAddress,
  readU32,
  walkAttributes,
  writeU32,
} from './message.js';
import { request, rfc5769, transactionId } from './vectors.js';

test('CRC-32 gives the check value of its standard, and of a part', () => {
  const digits = encodeUtf8('123456789');
  expect(crc32(digits)).toBe(0xcbf43926);
  expect(crc32(concatBytes(encodeUtf8('ab'), digits, encodeUtf8('c')), 2, 11)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});

test('fingerprints of the vectors are found', () => {
  for (const hex of [request, rfc5769.request, rfc5769.v4.bytes, rfc5769.v6.bytes]) {
    const bytes = hexLiteral(hex);
    expect(fingerprintOf(bytes, bytes.length - 8)).toBe(readU32(bytes, bytes.length - 4));
  }
});

test('a header survives a round trip and bounds its message', () => {
  const bytes = new Uint8Array(60);
  putHeader(bytes, MessageType.bindingSuccess, 24, hexLiteral(transactionId));
  expect(decodeHeader(bytes)).toEqual({
    type: MessageType.bindingSuccess,
    transactionId: hexLiteral(transactionId),
    end: 44,
  });
});

test('headers that lie are refused', () => {
  const valid = hexLiteral(request);
  expect(decodeHeader(valid.slice(0, 19))).toBe(fail('too-short'));
  expect(decodeHeader(valid.slice(0, 39))).toBe(fail('bad-length'));
  const with2 = (at: number, value: number) => {
    const bytes = valid.slice();
    bytes[at] = value;
    return decodeHeader(bytes);
  };
  expect(with2(4, 0x20)).toBe(fail('bad-cookie'));
  expect(with2(3, 21)).toBe(fail('bad-length'));
  expect(with2(3, 24)).toBe(fail('bad-length'));
  expect(with2(2, 0xff)).toBe(fail('bad-length'));
});

test('u32 values are unsigned', () => {
  const bytes = new Uint8Array(4);
  for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    writeU32(bytes, 0, value);
    expect(readU32(bytes, 0)).toBe(value);
  }
});

test('attributes are visited in order with their padding skipped', () => {
  const header = hexLiteral(`00010010${transactionId}00000000`);
  const bytes = concatBytes(header, hexLiteral('80220003aabbcc00000600008028000100000000'));
  const seen: [number, number, number][] = [];
  const failure = walkAttributes(bytes, bytes.length, (type, at, length) => {
    seen.push([type, at, length]);
    return undefined;
  });
  expect(failure).toBeUndefined();
  expect(seen).toEqual([
    [0x8022, 24, 3],
    [0x0006, 32, 0],
    [0x8028, 36, 1],
  ]);
});

test('an attribute that does not fit, with its padding, ends the walk', () => {
  const header = new Uint8Array(20);
  const never = () => undefined;
  for (const tail of ['80', '802200', '80220001', '8022000401', '80220005aabbccddee', '8022ffff']) {
    const bytes = concatBytes(header, hexLiteral(tail));
    expect(walkAttributes(bytes, bytes.length, never)).toBe(fail('bad-attribute'));
  }
});

test('every endpoint survives the XOR form', () => {
  const id = fc.uint8Array({ minLength: 12, maxLength: 12 });
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(id, address, fc.integer({ min: 0, max: 65535 }), (anyId, bytes, port) => {
      const of = endpoint(addressFromBytes(bytes), port);
      const message = new Uint8Array(60);
      putHeader(message, MessageType.bindingSuccess, 40, anyId);
      putXorAddress(message, 24, of);
      expect(readAddress(message, 24, addressValueBytes(of), true)).toBe(of);
    }),
  );
});

test('address values of an unknown family or too short are refused', () => {
  const read = (hex: string) => readAddress(hexLiteral(hex), 0, hex.length / 2, false);
  expect(read('0001d431cb007109')).toBe('203.0.113.9:54321');
  expect(read('0001d431cb0071')).toBe(fail('bad-address'));
  expect(read('000100')).toBe(fail('bad-address'));
  expect(read('0000d431cb007109')).toBe(fail('bad-address-family'));
  expect(read('0003d431cb007109')).toBe(fail('bad-address-family'));
  expect(read(`0002d431${'00'.repeat(15)}`)).toBe(fail('bad-address'));
  expect(read(`0002d431${'00'.repeat(15)}01`)).toBe('[::1]:54321');
  expect(read('')).toBeInstanceOf(DecodeFailure);
});
