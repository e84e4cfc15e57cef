import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressFromBytes, type IpAddress } from '../ip/address.js';
import {
  addressOfReverse,
  type DnsName,
  encodeName,
  isWithin,
  longestSuffix,
  parentOf,
  parseName,
  ROOT,
  readName,
  reverseName,
} from './name.js';

test('text of names', () => {
  expect(parseName('Alpha.Net.Example.')).toBe('alpha.net.example');
  expect(parseName('.')).toBe(ROOT);
  expect(parseName('')).toBe(ROOT);
  expect(parseName('a\\.b.c')).toBe('a\\046b.c');
  expect(parseName('a\\032b')).toBe('a\\032b');
  for (const wrong of ['.a', 'a..b', 'a..', 'a b', 'ä', 'a\\', 'a\\999', 'x'.repeat(64)]) {
    expect(parseName(wrong), wrong).toBeUndefined();
  }
});

test('names of any bytes come back through wire and text', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
      const wire = Uint8Array.from([...labels.flatMap((one) => [one.length, ...one]), 0]);
      const read = readName(wire, 0);
      expect(read?.end).toBe(wire.length);
      const name = read?.name ?? ROOT;
      expect(parseName(name)).toBe(name);
      expect(parseName(`${name}.`)).toBe(name);
      expect(readName(encodeName(name), 0)?.name).toBe(name);
      expect(encodeName(name)).toHaveLength(wire.length);
    }),
  );
});

test('names above and suffixes', () => {
  const name = 'a.b.example' as DnsName;
  expect(parentOf(name)).toBe('b.example');
  expect(parentOf('example' as DnsName)).toBe(ROOT);
  expect(parentOf(ROOT)).toBeUndefined();
  expect(isWithin(name, 'b.example' as DnsName)).toBe(true);
  expect(isWithin('ab.example' as DnsName, 'b.example' as DnsName)).toBe(false);
  expect(isWithin(name, ROOT)).toBe(true);
  const table = new Map([
    ['example' as DnsName, 1],
    ['b.example' as DnsName, 2],
  ]);
  expect(longestSuffix(table, name)).toBe(2);
  expect(longestSuffix(table, 'c.example' as DnsName)).toBe(1);
  expect(longestSuffix(table, 'c.org' as DnsName)).toBeUndefined();
});

test('addresses backwards', () => {
  expect(reverseName('100.64.0.7' as IpAddress)).toBe('7.0.64.100.in-addr.arpa');
  expect(reverseName('fd7a:115c:a1e0::53' as IpAddress)).toBe(
    '3.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa',
  );
  for (const wrong of [
    '64.100.in-addr.arpa',
    '256.0.64.100.in-addr.arpa',
    '07.0.64.100.in-addr.arpa',
    'x.ip6.arpa',
  ]) {
    expect(addressOfReverse(wrong as DnsName), wrong).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      const address = addressFromBytes(bytes);
      expect(addressOfReverse(reverseName(address))).toBe(address);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const address = addressFromBytes(bytes);
      expect(addressOfReverse(reverseName(address))).toBe(address);
    }),
  );
});
