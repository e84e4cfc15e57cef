import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dnsLabel, fullName, uniqueLabel } from './names.js';

test.each([
  ["Joe's Mac mini", 'joes-mac-mini'],
  ['mail.server', 'mail-server'],
  ['My-PC!', 'my-pc'],
  ['日本語', 'node'],
  ['', 'node'],
  ['---', 'node'],
  ['printer.local', 'printer'],
  ['nas.lan', 'nas'],
  ['web.home.arpa', 'web'],
  ['a_b@c', 'a-b-c'],
  ['-edge-', 'edge'],
  ['x'.repeat(80), 'x'.repeat(63)],
  [`${'x'.repeat(62)}-yz`, 'x'.repeat(62)],
])('%j becomes %j', (hostName, label) => {
  expect(dnsLabel(hostName)).toBe(label);
});

test('any text at all becomes a valid label', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (hostName) => {
      expect(dnsLabel(hostName)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }),
  );
});

test('collisions take the lowest free number', () => {
  const taken = new Set(['laptop', 'laptop-1', 'laptop-3']);
  const isTaken = (label: string): boolean => taken.has(label);
  expect(uniqueLabel('laptop', 'net.example', isTaken)).toBe('laptop-2');
  expect(uniqueLabel('desktop', 'net.example', isTaken)).toBe('desktop');
});

test('numbered labels and whole names stay within DNS limits', () => {
  const long = 'x'.repeat(63);
  expect(uniqueLabel(long, 'net.example', (label) => label === long)).toBe(`${'x'.repeat(61)}-1`);
  const base = `${'d'.repeat(60)}.`.repeat(3) + 'd'.repeat(40);
  const name = fullName(
    uniqueLabel(long, base, () => false),
    base,
  );
  expect(name.length).toBeLessThanOrEqual(255);
  expect(name).toMatch(/^x+\.d/);
});
