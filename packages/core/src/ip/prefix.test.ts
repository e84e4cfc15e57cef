import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from './address.js';
import {
  hostPrefix,
  parsePrefix,
  prefixAddress,
  prefixBits,
  prefixContains,
  prefixOf,
} from './prefix.js';

const ip = (text: string) => text as IpAddress;
const anyAddress = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map(addressFromBytes);
const anyPrefix = fc
  .tuple(anyAddress, fc.integer({ min: 0, max: 128 }))
  .map(([address, bits]) => prefixOf(address, familyOf(address) === 4 ? bits % 33 : bits));

const bitsOf = (address: IpAddress) =>
  Array.from(addressBytes(address), (byte) => byte.toString(2).padStart(8, '0')).join('');

test('prefixes survive a round trip', () => {
  fc.assert(
    fc.property(anyPrefix, (prefix) => {
      expect(parsePrefix(prefix)).toBe(prefix);
      expect(prefixOf(prefixAddress(prefix), prefixBits(prefix))).toBe(prefix);
    }),
  );
});

test('a prefix holds exactly the addresses that begin with its bits', () => {
  fc.assert(
    fc.property(anyPrefix, anyAddress, (prefix, address) => {
      const base = prefixAddress(prefix);
      const same = familyOf(base) === familyOf(address);
      const begins = bitsOf(address).startsWith(bitsOf(base).slice(0, prefixBits(prefix)));
      expect(prefixContains(prefix, address)).toBe(same && begins);
      expect(prefixContains(prefix, base)).toBe(true);
      expect(prefixContains(prefixOf(address, prefixBits(hostPrefix(address))), address)).toBe(
        true,
      );
    }),
  );
});

test('prefixes are canonical: short, lower case, unmapped', () => {
  const spellings = {
    '0.0.0.0/0': '0.0.0.0/0',
    '2001:0DB8::/32': '2001:db8::/32',
    '0:0:0:0:0:0:0:0/0': '::/0',
    '::ffff:10.0.0.0/104': '10.0.0.0/8',
    '::ffff:0:0/96': '0.0.0.0/0',
    '::ffff:1.2.3.4/128': '1.2.3.4/32',
  };
  for (const [text, canonical] of Object.entries(spellings)) {
    expect(parsePrefix(text)).toBe(canonical);
  }
});

test('what is no prefix, or has host bits, is refused', () => {
  const wrong = [
    ...['', '/', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '/8'],
    ...['10.0.0.0/08', '10.0.0.0/ 8', '10.0.0.1/8', '10.0.0.0/1e1', '::/129', '2001:db8::1/64'],
    ...['::ffff:10.0.0.0/24', '::ffff:10.0.0.0/8', '::ffff:10.0.0.1/104', 'host/8', '::1%lo/128'],
  ];
  for (const text of wrong) expect(parsePrefix(text)).toBeUndefined();
});

test('host bits are cleared at every length', () => {
  expect(prefixOf(ip('255.255.255.255'), 0)).toBe('0.0.0.0/0');
  expect(prefixOf(ip('255.255.255.255'), 9)).toBe('255.128.0.0/9');
  expect(prefixOf(ip('255.255.255.255'), 31)).toBe('255.255.255.254/31');
  expect(prefixOf(ip('fd7a:115c:a1e0:ffff::1'), 48)).toBe('fd7a:115c:a1e0::/48');
  expect(hostPrefix(ip('::1'))).toBe('::1/128');
  expect(hostPrefix(ip('1.2.3.4'))).toBe('1.2.3.4/32');
});

test('a length beyond the address is a bug', () => {
  for (const bits of [-1, 33, 1.5]) expect(() => prefixOf(ip('1.2.3.4'), bits)).toThrow(BugError);
  expect(() => prefixOf(ip('::'), 129)).toThrow(BugError);
});
