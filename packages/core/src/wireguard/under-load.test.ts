/** Two devices while a stranger floods one of them. */

import { wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { Endpoint } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyBytes } from '@warren/core/keys/keys';
import { INITIATION_AT, MESSAGE } from '@warren/core/wireguard/messages';
import { createIdentity, createInitiation, createPeerStatics } from '@warren/core/wireguard/noise';
import { TimestampSource } from '@warren/core/wireguard/tai64n';
import { DevicePair, type End } from '@warren/core/wireguard/testing/device-pair';
import { beforeEach, expect, test } from 'vitest';

const HELLO = Uint8Array.from({ length: 32 }, (_, i) => i);
const FLOOD_PER_TICK = 30;
const TICK_MS = 100;

let pair: DevicePair;
let left: End;
let right: End;
let floods: Uint8Array;

beforeEach(() => {
  pair = new DevicePair(0xf100d);
  ({ left, right } = pair);
  floods = strangersInitiation(right);
});

/** An initiation with a valid mac1 of somebody whom `end` doesn't know. */
function strangersInitiation(end: End): Uint8Array {
  const random = new SeededRandom(0xbad);
  const identity = createIdentity(nobleCrypto, generatePrivateKey('node', random));
  const statics = createPeerStatics(nobleCrypto, identity, publicKeyBytes(end.key));
  const timestamp = new TimestampSource(() => wallTime(1)).next();
  const made =
    statics && createInitiation(nobleCrypto, random, identity, statics, 0x5eed, timestamp);
  if (made === undefined) throw new Error('the key is a good one');
  return made.message;
}

function flood(source: number): void {
  const remote = `198.51.100.${source % 250}:${1_000 + (pair.now % 50_000)}` as Endpoint;
  right.take(floods.slice(), pair.now, { kind: 'direct', remote });
  right.outbox.splice(0); // answers to strangers don't reach the left
}

/** Lets `ms` pass while a burst and then 300 initiations a second reach `right` from ever other addresses. */
function passFlooded(ms: number): void {
  pair.settle();
  for (let i = 0; !right.device.isUnderLoad(pair.now); i++) flood(i);
  for (let passed = 0; passed < ms; passed += TICK_MS) {
    for (let i = 0; i < FLOOD_PER_TICK; i++) flood(i);
    pair.pass(TICK_MS);
  }
}

test('under load the first initiation gets a cookie, the next one a session', () => {
  passFlooded(1_000);
  expect(right.device.isUnderLoad(pair.now)).toBe(true);
  left.say(HELLO, pair.now);
  pair.settle();
  expect(right.received).toEqual([]);
  expect(left.counters.get('cookie-accepted')).toBe(1);
  passFlooded(4_900);
  expect(left.sent.get(MESSAGE.initiation)).toBe(1);
  passFlooded(500);
  expect(left.sent.get(MESSAGE.initiation)).toBe(2);
  expect(right.received).toEqual([HELLO]);
});

test('what has a session goes on under load, and its keys are renewed with a cookie', () => {
  left.say(HELLO, pair.now);
  pair.settle();
  pair.pass(117_000);
  for (let second = 0; second < 9; second++) {
    left.say(HELLO, pair.now);
    right.say(HELLO, pair.now);
    passFlooded(1_000);
  }
  expect(right.received.length).toBe(10);
  expect(left.received.length).toBe(9);
  expect(right.handshakes).toBe(2);
  expect(left.counters.get('cookie-accepted')).toBe(1);
});

test('a loaded initiator takes the response to its own initiation', () => {
  passFlooded(1_000);
  right.say(HELLO, pair.now);
  pair.settle();
  expect(left.received).toEqual([HELLO]);
});

test('after the load nobody is asked for cookies, and one that is there does no harm', () => {
  passFlooded(1_000);
  left.say(HELLO, pair.now);
  pair.settle();
  pair.pass(5_400);
  expect(right.device.isUnderLoad(pair.now)).toBe(false);
  expect(right.received).toEqual([HELLO]);
});

test('a repeated initiation carries the cookie that came since', () => {
  left.say(HELLO, pair.now);
  pair.settle();
  passFlooded(1_000);
  left.peer.restarted(pair.now);
  pair.settle();
  expect(right.handshakes).toBe(1);
  passFlooded(600);
  expect(right.handshakes).toBe(2);
});

test('another identity forgets the cookie of the one before', () => {
  passFlooded(1_000);
  left.say(HELLO, pair.now);
  pair.settle();
  const seen: Uint8Array[] = [];
  pair.drop = (message) => seen.push(message.slice()) > 0;
  left.device.setIdentity(generatePrivateKey('node', new SeededRandom(5)), pair.now);
  left.say(HELLO, pair.now);
  pair.settle();
  const mac2 = seen
    .find((message) => message[0] === MESSAGE.initiation)
    ?.subarray(INITIATION_AT.mac2);
  expect(mac2).toEqual(new Uint8Array(16));
});
