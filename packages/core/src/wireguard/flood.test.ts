/** What floods of initiations cost, in key agreements: strangers that know our key, and peers gone mad. */

import { Counters } from '@warren/core/base/counters';
import { isFailure } from '@warren/core/base/failure';
import { after, type Instant, instant, wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { Endpoint } from '@warren/core/ip/address';
import {
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyBytes,
  publicKeyOf,
} from '@warren/core/keys/keys';
import type { Crypto } from '@warren/core/ports';
import { Device } from '@warren/core/wireguard/device';
import {
  COOKIE_REPLIES_PER_SECOND,
  type HandshakeOrigin,
} from '@warren/core/wireguard/handshake-gate';
import {
  CALM_HANDSHAKE_BURST,
  CALM_HANDSHAKES_PER_SECOND,
} from '@warren/core/wireguard/handshake-load';
import { createIdentity, createInitiation, createPeerStatics } from '@warren/core/wireguard/noise';
import {
  SOURCE_HANDSHAKE_BURST,
  SOURCE_HANDSHAKES_PER_SECOND,
} from '@warren/core/wireguard/source-limiter';
import { TimestampSource } from '@warren/core/wireguard/tai64n';
import { beforeEach, expect, test } from 'vitest';

const START = instant(1_000);
const HOST = { canSend: true, send: () => undefined, wantsToSend: () => undefined };

let agreements: number;
let counters: Counters;
let device: Device<typeof HOST>;
let ownKey: NodeKey;
let random: SeededRandom;

beforeEach(() => {
  random = new SeededRandom(0xf1);
  counters = new Counters();
  const crypto: Crypto = {
    ...nobleCrypto,
    x25519(privateKey, publicKey) {
      agreements++;
      return nobleCrypto.x25519(privateKey, publicKey);
    },
  };
  device = new Device({ crypto, random, wallClock: () => wallTime(0), counters });
  const privateKey = generatePrivateKey('node', random);
  ownKey = publicKeyOf(nobleCrypto, 'node', privateKey);
  device.setIdentity(privateKey, START);
  agreements = 0;
});

/** Initiations to the device, each newer than the one before. */
function initiationsOf(privateKey: NodePrivateKey, count: number): Uint8Array[] {
  const identity = createIdentity(nobleCrypto, privateKey);
  const statics = createPeerStatics(nobleCrypto, identity, publicKeyBytes(ownKey));
  const timestamps = new TimestampSource(() => wallTime(5_000));
  return Array.from({ length: count }, (_, index) => {
    const made =
      statics && createInitiation(nobleCrypto, random, identity, statics, index, timestamps.next());
    if (made === undefined) throw new Error('the key is a good one');
    return made.message;
  });
}

/** Gives the device one message; what became of it is counted. */
function receive(message: Uint8Array, origin: HandshakeOrigin, now: Instant): void {
  const outcome = device.receiveInitiation(message.slice(), 0, origin, now);
  if (isFailure(outcome)) counters.add(outcome.reason);
  else counters.add('cookieReply' in outcome ? 'cookie' : 'answered');
}

function from(i: number): HandshakeOrigin {
  return { kind: 'direct', remote: `198.51.${100 + (i >> 16)}.${i & 255}:${1 + i}` as Endpoint };
}

test('strangers cost us the calm rate of agreements and bounded replies, however many they are', () => {
  const [message] = initiationsOf(generatePrivateKey('node', random), 1);
  if (message === undefined) throw new Error('there is one');
  const perMs = 8;
  for (let ms = 0, i = 0; ms < 1_000; ms++) {
    for (let n = 0; n < perMs; n++) receive(message, from(i++), after(START, ms));
  }
  const calm = CALM_HANDSHAKE_BURST + CALM_HANDSHAKES_PER_SECOND;
  expect(agreements).toBeLessThanOrEqual(calm);
  expect(counters.get('cookie')).toBeLessThanOrEqual(2 * COOKIE_REPLIES_PER_SECOND);
  expect(counters.get('cookie-reply-flood')).toBeGreaterThan(3_000);
  expect([device.peerCount, device.indexCount]).toEqual([0, 0]);
});

test('strangers over a relay cost nothing at all', () => {
  const privateKey = generatePrivateKey('node', random);
  const [message] = initiationsOf(privateKey, 1);
  if (message === undefined) throw new Error('there is one');
  const sender = publicKeyOf(nobleCrypto, 'node', privateKey);
  for (let i = 0; i < 1_000; i++) receive(message, { kind: 'relay', sender }, START);
  expect(agreements).toBe(0);
  expect(counters.get('initiation-unknown-peer')).toBe(1_000);
  expect(device.isUnderLoad(START)).toBe(false);
});

test('a peer gone mad gets its share over a relay, and another peer gets its own', () => {
  const [mad, sane] = [generatePrivateKey('node', random), generatePrivateKey('node', random)];
  const [madKey, saneKey] = [mad, sane].map((key) => publicKeyOf(nobleCrypto, 'node', key));
  if (madKey === undefined || saneKey === undefined) throw new Error('there are two');
  device.addPeer(madKey, HOST);
  device.addPeer(saneKey, HOST);
  const flood = initiationsOf(mad, 40);
  const relayed = (sender: NodeKey): HandshakeOrigin => ({ kind: 'relay', sender });
  for (let ms = 0; ms < 500; ms++) {
    for (let n = 0; n < 2; n++) {
      const message = flood[(2 * ms + n) % flood.length];
      if (message !== undefined) receive(message, relayed(madKey), after(START, ms));
    }
  }
  const now = after(START, 500);
  expect(device.isUnderLoad(now)).toBe(true);
  const calm = CALM_HANDSHAKE_BURST + CALM_HANDSHAKES_PER_SECOND / 2;
  const share = SOURCE_HANDSHAKE_BURST + SOURCE_HANDSHAKES_PER_SECOND / 2;
  // One agreement tells a replay; an answer takes two more, and the peer's statics one, once.
  const answers = counters.get('answered');
  expect(answers).toBeLessThanOrEqual(flood.length);
  expect(agreements).toBeLessThanOrEqual(calm + share + 2 * answers + 1);
  expect(counters.get('initiation-source-flood')).toBeGreaterThan(1_000 - calm - share);
  for (const message of initiationsOf(sane, 1)) receive(message, relayed(saneKey), now);
  expect(counters.get('answered')).toBe(answers + 1);
  expect(device.indexCount).toBeLessThanOrEqual(2);
});
