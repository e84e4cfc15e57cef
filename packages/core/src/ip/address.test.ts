import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import {
  addressBytes,
  addressBytes16,
  addressFromBytes,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  parseAddress,
  parseEndpoint,
} from './address.js';

const v4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Zeros are frequent, so that every shape of "::" comes up. */
const v6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

test('IPv6 is written as RFC 5952 section 4 says', () => {
  const spellings = {
    '2001:0db8::0001': '2001:db8::1', // 4.1 no leading zeros
    '2001:db8:0:0:0:0:2:1': '2001:db8::2:1', // 4.2.1 as short as possible
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1', // 4.2.2 one group is not shortened
    '2001:db8::1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1', // 4.2.3 the longest run
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1', // 4.2.3 the first of equals
    '2001:DB8::ABCD': '2001:db8::abcd', // 4.3 lower case
    '0:0:0:0:0:0:0:0': '::',
    '0:0:0:0:0:0:0:1': '::1',
    '1:0:0:0:0:0:0:0': '1::',
    '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
    '::2:3:4:5:6:7:8': '0:2:3:4:5:6:7:8',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    '::192.0.2.33': '::c000:221',
    'fd7a:115c:a1e0:0000::53': 'fd7a:115c:a1e0::53',
  };
  for (const [text, canonical] of Object.entries(spellings)) {
    expect(parseAddress(text)).toBe(canonical);
  }
});

test('mapped addresses become IPv4, whatever their spelling', () => {
  for (const text of ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:0102:0304']) {
    expect(parseAddress(text)).toBe('1.2.3.4');
  }
  expect(addressFromBytes(hexLiteral('00000000000000000000ffff01020304'))).toBe('1.2.3.4');
  // One bit beside the mapped range is IPv6.
  expect(parseAddress('::fffe:1.2.3.4')).toBe('::fffe:102:304');
  expect(parseAddress('::1:ffff:1.2.3.4')).toBe('::1:ffff:102:304');
});

test('the canonical text is that of the runtime', () => {
  fc.assert(
    fc.property(v6Bytes, (bytes) => {
      const address = addressFromBytes(bytes);
      if (familyOf(address) === 4) return;
      expect(new URL(`http://[${address}]`).hostname).toBe(`[${address}]`);
      expect(isIPv6(address)).toBe(true);
    }),
  );
});

test('addresses survive the way through bytes and text', () => {
  fc.assert(
    fc.property(fc.oneof(v4Bytes, v6Bytes), (bytes) => {
      const address = addressFromBytes(bytes);
      expect(parseAddress(address)).toBe(address);
      expect(addressFromBytes(addressBytes(address))).toBe(address);
      expect(addressFromBytes(addressBytes16(address))).toBe(address);
      expect(addressBytes16(address)).toHaveLength(16);
    }),
  );
  expect(encodeHex(addressBytes16('1.2.3.4' as IpAddress))).toBe(
    '00000000000000000000ffff01020304',
  );
});

test('any text is an address exactly when the runtime thinks so', () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    'ffff',
    '10000',
    ':',
    '::',
    '.',
    '1.2.3.4',
    '255',
    '256',
    '01',
    'g',
    '%1',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      const valid = isIPv4(text) || (isIPv6(text) && !text.includes('%'));
      expect(parseAddress(text) !== undefined).toBe(valid);
    }),
    { numRuns: 2000 },
  );
});

test('what is no address is refused', () => {
  const wrong = [
    ...['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '1.2.3.-4', '0x1.2.3.4'],
    ...[':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1::', '12345::'],
    ...[
      '1.2.3.4::',
      '::1.2.3.4:5',
      '::1.2.3',
      'fe80::1%eth0',
      '[::1]',
      '::g',
      '1:2:3:4:5:6:7:1.2.3.4',
    ],
  ];
  for (const text of wrong) expect(parseAddress(text)).toBeUndefined();
});

test('endpoints survive a round trip', () => {
  fc.assert(
    fc.property(fc.oneof(v4Bytes, v6Bytes), fc.integer({ min: 0, max: 65535 }), (bytes, port) => {
      const address = addressFromBytes(bytes);
      const of = endpoint(address, port);
      expect(parseEndpoint(of)).toBe(of);
      expect(endpointAddress(of)).toBe(address);
      expect(endpointPort(of)).toBe(port);
    }),
  );
});

test('endpoints are canonical and unmapped', () => {
  expect(parseEndpoint('[2001:0DB8::0]:65535')).toBe('[2001:db8::]:65535');
  expect(parseEndpoint('[::ffff:1.2.3.4]:5')).toBe('1.2.3.4:5');
  expect(parseEndpoint('1.2.3.4:00080')).toBe('1.2.3.4:80');
});

test('what is no endpoint is refused', () => {
  const wrong = [
    ...[
      '',
      '1.2.3.4',
      '1.2.3.4:',
      ':80',
      '1.2.3.4:65536',
      '1.2.3.4:-1',
      '1.2.3.4:8 ',
      '1.2.3.4:8:9',
    ],
    ...[
      '::1:80',
      '[::1]',
      '[::1]:',
      '[::1]80',
      '[::1:80',
      '::1]:80',
      '[]:80',
      'host:80',
      '[[::1]]:80',
    ],
  ];
  for (const text of wrong) expect(parseEndpoint(text)).toBeUndefined();
  expect(() => endpoint('1.2.3.4' as IpAddress, 65536)).toThrow(BugError);
  expect(() => endpoint('1.2.3.4' as IpAddress, 1.5)).toThrow(BugError);
});
