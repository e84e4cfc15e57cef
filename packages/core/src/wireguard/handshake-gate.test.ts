import { hexLiteral as hex } from '@warren/core/base/bytes';
import { isFailure } from '@warren/core/base/failure';
import { after, type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { Endpoint } from '@warren/core/ip/address';
import { type NodeKey, privateKeyFromBytes } from '@warren/core/keys/keys';
import { CookieHolder } from '@warren/core/wireguard/cookies';
import {
  COOKIE_REPLIES_PER_SECOND,
  HandshakeGate,
  type HandshakeOrigin,
} from '@warren/core/wireguard/handshake-gate';
import {
  CALM_HANDSHAKE_BURST,
  CALM_HANDSHAKES_PER_SECOND,
  UNDER_LOAD_MS,
} from '@warren/core/wireguard/handshake-load';
import { INITIATION_AT } from '@warren/core/wireguard/messages';
import { createIdentity } from '@warren/core/wireguard/noise';
import {
  MAX_LIMITED_SOURCES,
  SOURCE_HANDSHAKE_BURST,
  SOURCE_HANDSHAKES_PER_SECOND,
  SourceLimiter,
} from '@warren/core/wireguard/source-limiter';
import { FIXED, INITIATION } from '@warren/core/wireguard/vectors';
import { beforeEach, expect, test } from 'vitest';

const responder = createIdentity(
  nobleCrypto,
  privateKeyFromBytes('node', hex(FIXED.responderPrivate)),
);
const START = instant(10_000);

let gate: HandshakeGate;

beforeEach(() => {
  gate = new HandshakeGate(nobleCrypto, new SeededRandom(0x6a7e));
});

function from(remote: string): HandshakeOrigin {
  return { kind: 'direct', remote: remote as Endpoint };
}

function relayed(digit: string): HandshakeOrigin {
  return { kind: 'relay', sender: digit.repeat(64) as NodeKey };
}

/** What becomes of the message: its refusal, `cookie` or `welcome`. */
function admit(message: Uint8Array, origin: HandshakeOrigin, now: Instant): string {
  const outcome = gate.admitInitiation(responder, message, origin, now);
  if (outcome === undefined) return 'welcome';
  return isFailure(outcome) ? outcome.reason : 'cookie';
}

/** Brings the gate under load at `now`. */
function load(now: Instant): void {
  while (!gate.isLoaded(now)) admit(hex(INITIATION), from('198.51.100.66:666'), now);
}

/** An initiation with the cookie that the gate gave for `remote`. */
function withCookie(remote: string, now: Instant): Uint8Array {
  const message = hex(INITIATION);
  const holder = new CookieHolder(nobleCrypto);
  holder.finish(message, INITIATION_AT.mac1, now);
  const demand = gate.admitInitiation(responder, message, from(remote), now);
  if (demand === undefined || isFailure(demand)) throw new Error('no cookie was asked for');
  expect(holder.accept(responder.cookieKey, demand.cookieReply, now)).toBeUndefined();
  holder.finish(message, INITIATION_AT.mac1, now);
  return message;
}

test('a burst and then a steady rate are calm; one more is load, for a second', () => {
  const origin = from('192.0.2.1:1');
  for (let i = 0; i < CALM_HANDSHAKE_BURST; i++) {
    expect(admit(hex(INITIATION), origin, START)).toBe('welcome');
  }
  let now = START;
  for (let i = 0; i < CALM_HANDSHAKES_PER_SECOND; i++) {
    now = after(now, 1_000 / CALM_HANDSHAKES_PER_SECOND);
    expect(admit(hex(INITIATION), origin, now)).toBe('welcome');
  }
  expect(admit(hex(INITIATION), origin, now)).toBe('cookie');
  expect(gate.isLoaded(after(now, UNDER_LOAD_MS - 1))).toBe(true);
  expect(gate.isLoaded(after(now, UNDER_LOAD_MS))).toBe(false);
  expect(admit(hex(INITIATION), origin, after(now, UNDER_LOAD_MS))).toBe('welcome');
});

test('messages without a valid mac1 are no load and get no cookie', () => {
  const message = hex(INITIATION);
  message[INITIATION_AT.mac1] = (message[INITIATION_AT.mac1] ?? 0) ^ 1;
  for (let i = 0; i < 1_000; i++) {
    expect(admit(message, from('192.0.2.1:1'), START)).toBe('initiation-bad-mac1');
  }
  expect(gate.isLoaded(START)).toBe(false);
  load(START);
  expect(admit(message, from('192.0.2.1:1'), START)).toBe('initiation-bad-mac1');
});

test('the cookie of an address and port opens the gate for it, for 20 a second', () => {
  load(START);
  const message = withCookie('192.0.2.1:41641', START);
  for (let i = 0; i < SOURCE_HANDSHAKE_BURST; i++) {
    expect(admit(message, from('192.0.2.1:41641'), START)).toBe('welcome');
  }
  expect(admit(message, from('192.0.2.1:41641'), START)).toBe('initiation-source-flood');
  expect(admit(message, from('192.0.2.1:41642'), START)).toBe('cookie');
  expect(admit(message, from('192.0.2.2:41641'), START)).toBe('cookie');
  const other = withCookie('192.0.2.2:41641', START);
  expect(admit(other, from('192.0.2.2:41641'), START)).toBe('welcome');
  const later = after(START, 1_000 / SOURCE_HANDSHAKES_PER_SECOND);
  expect(admit(message, from('192.0.2.1:41641'), later)).toBe('welcome');
  expect(admit(message, from('192.0.2.1:41641'), later)).toBe('initiation-source-flood');
});

test('all addresses of an IPv6 /64 share, other networks have their own', () => {
  load(START);
  let welcome = 0;
  for (let host = 1; host <= 2 * SOURCE_HANDSHAKE_BURST; host++) {
    const remote = `[2001:db8:a:1::${host}]:41641`;
    const outcome = admit(withCookie(remote, START), from(remote), START);
    if (outcome === 'welcome') welcome++;
    else expect(outcome).toBe('initiation-source-flood');
  }
  expect(welcome).toBe(SOURCE_HANDSHAKE_BURST);
  const neighbour = '[2001:db8:a:2::1]:41641';
  expect(admit(withCookie(neighbour, START), from(neighbour), START)).toBe('welcome');
});

test('over a relay nobody is asked for a cookie, and each sender has its share', () => {
  load(START);
  for (let i = 0; i < SOURCE_HANDSHAKE_BURST; i++) {
    expect(admit(hex(INITIATION), relayed('a'), START)).toBe('welcome');
  }
  expect(admit(hex(INITIATION), relayed('a'), START)).toBe('initiation-source-flood');
  expect(admit(hex(INITIATION), relayed('b'), START)).toBe('welcome');
});

test('responses have a share under load, and no limit without', () => {
  for (let i = 0; i < 100; i++) {
    expect(gate.admitResponse(from('192.0.2.1:1'), START)).toBeUndefined();
  }
  load(START);
  for (let i = 0; i < SOURCE_HANDSHAKE_BURST; i++) {
    expect(gate.admitResponse(from('192.0.2.1:1'), START)).toBeUndefined();
  }
  expect(gate.admitResponse(from('192.0.2.1:1'), START)).toMatchObject({
    reason: 'response-source-flood',
  });
});

test('cookie replies are bounded', () => {
  load(START);
  let replies = 0;
  for (let i = 0; i < 2 * COOKIE_REPLIES_PER_SECOND; i++) {
    const outcome = admit(hex(INITIATION), from(`198.51.100.${i & 255}:${1 + i}`), START);
    if (outcome === 'cookie') replies++;
    else expect(outcome).toBe('cookie-reply-flood');
  }
  expect(replies).toBeLessThanOrEqual(COOKIE_REPLIES_PER_SECOND);
});

test('the table of sources is bounded; idle ones make room, busy ones keep theirs', () => {
  const limiter = new SourceLimiter();
  for (let i = 0; i < MAX_LIMITED_SOURCES; i++) {
    expect(limiter.allow(`source ${i}`, START)).toBe(true);
  }
  expect(limiter.allow('one more', START)).toBe(false);
  expect(limiter.size).toBe(MAX_LIMITED_SOURCES);
  expect(limiter.allow('source 7', START)).toBe(true);
  const later = after(START, 250);
  expect(limiter.allow('one more', later)).toBe(true);
  for (let i = 0; i < MAX_LIMITED_SOURCES; i++) limiter.allow('one more', later);
  expect(limiter.size).toBe(1);
});
