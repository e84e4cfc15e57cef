import { expect, test } from 'vitest';
import { hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { after, instant } from '../base/instant.js';
import { AnswerCache, lifetimeOf } from './answer-cache.js';
import { cacheBytesMax, cacheEntriesMax } from './limits.js';
import { type DnsMessage, decodeMessage } from './message.js';
import { REAL_ANSWERS } from './vectors.js';

const now = instant(5000);

function real(name: keyof typeof REAL_ANSWERS): { message: DnsMessage; bytes: Uint8Array } {
  const bytes = hexLiteral(REAL_ANSWERS[name].hex);
  const message = decodeMessage(bytes);
  if (isFailure(message)) throw new Error(message.reason);
  return { message, bytes };
}

test.each([
  ['cname', 300],
  ['noSuchName', 60],
  ['mx', 300],
  ['truncated', 0],
  ['refused', 0],
] as const)('a real answer lives: %s for %i s', (name, expected) => {
  const { message, bytes } = real(name);
  expect(lifetimeOf(message, bytes)).toBe(expected);
});

test('TTLs beyond all reason are cut, negative ones are none', () => {
  const { message, bytes } = real('aaaa');
  const withTtl = (ttl: number): DnsMessage => ({
    ...message,
    records: message.records.map((record) => ({ ...record, ttl })),
  });
  expect(lifetimeOf(withTtl(1_000_000), bytes)).toBe(3600);
  expect(lifetimeOf(withTtl(0x80000000), bytes)).toBe(0);
});

test('number and bytes are bounded; who was asked for lately stays', () => {
  const cache = new AnswerCache();
  const { message, bytes } = real('aaaa');
  cache.put('first', message, bytes, now);
  for (let i = 1; i < cacheEntriesMax; i++) cache.put(`n${i}`, message, bytes, now);
  expect(cache.get('first', now)).toBeDefined();
  cache.put('one more', message, bytes, now);
  expect(cache.size).toBe(cacheEntriesMax);
  expect(cache.get('n1', now)).toBeUndefined();
  expect(cache.get('first', now)).toBeDefined();
  const large = new Uint8Array(60_000);
  for (let i = 0; i < 100; i++) cache.put(`large${i}`, message, large, now);
  expect(cache.bytes).toBeLessThanOrEqual(cacheBytesMax);
  expect(cache.size).toBeLessThanOrEqual(35);
});

test('nothing is given out that is over, and the count of bytes comes back to nothing', () => {
  const cache = new AnswerCache();
  const { message, bytes } = real('aaaa');
  cache.put('a', message, bytes, now);
  cache.put('a', message, bytes, now);
  expect(cache.bytes).toBe(bytes.length);
  expect(cache.get('a', after(now, 299_999))).toBeDefined();
  expect(cache.get('a', after(now, 300_000))).toBeUndefined();
  expect(cache.bytes).toBe(0);
});
