import { encodeHex, hexLiteral as hex } from '@warren/core/base/bytes';
import { after, instant } from '@warren/core/base/instant';
import { bitFlips } from '@warren/core/base/mutations';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { privateKeyFromBytes } from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import {
  COOKIE_LIFETIME_MS,
  COOKIE_SECRET_MS,
  CookieHolder,
  CookieIssuer,
} from '@warren/core/wireguard/cookies';
import {
  COOKIE_REPLY_AT,
  COOKIE_REPLY_BYTES,
  INITIATION_AT,
} from '@warren/core/wireguard/messages';
import { createIdentity } from '@warren/core/wireguard/noise';
import { COOKIES, FIXED, INITIATION } from '@warren/core/wireguard/vectors';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const { mac1, mac2 } = INITIATION_AT;
const NOW = instant(50_000);
const { cookieKey } = createIdentity(
  nobleCrypto,
  privateKeyFromBytes('node', hex(FIXED.responderPrivate)),
);

/** Gives the vectors' secret and nonce, told apart by their lengths. */
const fixedRandom: Random = {
  fill(target) {
    target.set(hex(target.length === 32 ? COOKIES.secret : COOKIES.nonce));
    return target;
  },
};

function holderOf(message: Uint8Array): CookieHolder {
  const holder = new CookieHolder(nobleCrypto);
  holder.finish(message, mac1, NOW);
  return holder;
}

test.each(COOKIES.sources)('issuer and holder agree with the vector of $source', (vector) => {
  const issuer = new CookieIssuer(nobleCrypto, fixedRandom);
  const message = hex(INITIATION);
  const source = hex(vector.source);
  expect(issuer.isProven(message, mac1, source, NOW)).toBe(false);
  const reply = issuer.reply(cookieKey, message, mac1, source, NOW);
  expect(encodeHex(reply)).toBe(vector.reply);
  const holder = holderOf(message);
  expect(encodeHex(message)).toBe(INITIATION);
  expect(holder.accept(cookieKey, reply, NOW)).toBeUndefined();
  holder.finish(message, mac1, NOW);
  expect(encodeHex(message.subarray(mac2))).toBe(vector.mac2);
  expect(issuer.isProven(message, mac1, source, NOW)).toBe(true);
});

test('a cookie proves one source only, and only the message that carries it', () => {
  const issuer = new CookieIssuer(nobleCrypto, new SeededRandom(1));
  const message = hex(INITIATION);
  const source = hex(COOKIES.sources[0].source);
  const holder = holderOf(message);
  holder.accept(cookieKey, issuer.reply(cookieKey, message, mac1, source, NOW), NOW);
  holder.finish(message, mac1, NOW);
  expect(issuer.isProven(message, mac1, source, NOW)).toBe(true);
  for (const other of bitFlips(source)) {
    expect(issuer.isProven(message, mac1, other, NOW)).toBe(false);
  }
  for (const other of bitFlips(message)) {
    expect(issuer.isProven(other, mac1, source, NOW)).toBe(false);
  }
});

test('the secret changes every 120 s', () => {
  const issuer = new CookieIssuer(nobleCrypto, new SeededRandom(2));
  const message = hex(INITIATION);
  const source = hex(COOKIES.sources[0].source);
  const holder = holderOf(message);
  holder.accept(cookieKey, issuer.reply(cookieKey, message, mac1, source, NOW), NOW);
  holder.finish(message, mac1, NOW);
  const last = after(NOW, COOKIE_SECRET_MS - 1);
  expect(issuer.isProven(message, mac1, source, last)).toBe(true);
  const next = after(NOW, COOKIE_SECRET_MS);
  expect(issuer.isProven(message, mac1, source, next)).toBe(false);
  issuer.reply(cookieKey, message, mac1, source, next);
  expect(issuer.isProven(message, mac1, source, next)).toBe(false);
});

test('a cookie is used for 120 s', () => {
  const issuer = new CookieIssuer(nobleCrypto, new SeededRandom(3));
  const message = hex(INITIATION);
  const holder = holderOf(message);
  holder.accept(cookieKey, issuer.reply(cookieKey, message, mac1, hex('00'), NOW), NOW);
  holder.finish(message, mac1, after(NOW, COOKIE_LIFETIME_MS - 1));
  expect(encodeHex(message.subarray(mac2))).not.toBe('00'.repeat(16));
  holder.finish(message, mac1, after(NOW, COOKIE_LIFETIME_MS));
  expect(encodeHex(message.subarray(mac2))).toBe('00'.repeat(16));
});

test('a cookie reply is taken once, and only after a message', () => {
  const reply = hex(COOKIES.sources[0].reply);
  const holder = new CookieHolder(nobleCrypto);
  expect(holder.accept(cookieKey, reply, NOW)).toMatchObject({ reason: 'cookie-reply-unexpected' });
  const message = hex(INITIATION);
  holder.finish(message, mac1, NOW);
  expect(holder.accept(cookieKey, reply, NOW)).toBeUndefined();
  expect(holder.accept(cookieKey, reply, NOW)).toMatchObject({ reason: 'cookie-reply-unexpected' });
  holder.clear();
  holder.finish(message, mac1, NOW);
  expect(encodeHex(message)).toBe(INITIATION);
});

test('a reply to another message, or with any sealed bit turned, is refused and harms nothing', () => {
  const reply = hex(COOKIES.sources[0].reply);
  const message = hex(INITIATION);
  const holder = holderOf(message);
  let bit = 0;
  for (const flipped of bitFlips(reply)) {
    if (bit++ >> 3 < COOKIE_REPLY_AT.nonce) continue;
    expect(holder.accept(cookieKey, flipped, NOW)).toMatchObject({ reason: 'cookie-reply-forged' });
  }
  const other = hex(INITIATION);
  other[mac1] = (other[mac1] ?? 0) ^ 1;
  expect(holderOf(other).accept(cookieKey, reply, NOW)).toMatchObject({
    reason: 'cookie-reply-forged',
  });
  expect(holder.accept(cookieKey, reply, NOW)).toBeUndefined();
});

test('random replies never throw and are never believed', () => {
  const holder = holderOf(hex(INITIATION));
  const anyReply = fc.uint8Array({ minLength: COOKIE_REPLY_BYTES, maxLength: COOKIE_REPLY_BYTES });
  fc.assert(
    fc.property(anyReply, (reply) => holder.accept(cookieKey, reply, NOW) !== undefined),
    { numRuns: 200 },
  );
});
