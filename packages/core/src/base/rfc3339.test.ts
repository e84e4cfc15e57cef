import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wallTime } from './instant.js';
import { formatRfc3339, parseRfc3339 } from './rfc3339.js';

test('agrees with the platform about every millisecond of years 1 to 9999', () => {
  const first = Date.parse('0001-01-01T00:00:00Z');
  const anyTime = fc.integer({ min: first, max: Date.parse('9999-12-31T23:59:59.999Z') });
  fc.assert(
    fc.property(anyTime, (ms) => {
      const iso = new Date(ms).toISOString();
      expect(parseRfc3339(iso)).toBe(ms);
      expect(formatRfc3339(wallTime(ms))).toBe(iso.replace('.000Z', 'Z'));
    }),
  );
});

test('reads the offsets that Go clients print', () => {
  expect(parseRfc3339('1970-01-01T01:02:03+01:00')).toBe(123_000);
  expect(parseRfc3339('1969-12-31T19:02:03-05:00')).toBe(123_000);
  expect(parseRfc3339('2026-01-02T03:04:05.123456789Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 123));
});

test('takes the zero time of Go for what it is: long before 1970', () => {
  expect(parseRfc3339('0001-01-01T00:00:00Z')).toBeLessThan(0);
});

test.each([
  '',
  '2026-01-02',
  '2026-13-01T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-01-02T24:00:00Z',
  '2026-01-02T03:04:05',
  '2026-01-02T03:04:05+24:00',
  '2026-01-02T03:04:05Z ',
  '02026-01-02T03:04:05Z',
])('refuses %j', (text) => {
  expect(parseRfc3339(text)).toBeUndefined();
});
