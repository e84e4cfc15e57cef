/** Cookie replies go where the initiation came from; over relays nobody is asked for one. */
import { wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import type { Endpoint } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyBytes } from '@warren/core/keys/keys';
import {
  direct,
  EngineWorld,
  relay,
  type TestNode,
} from '@warren/core/packet-engine/testing/engine-world';
import { createIdentity, createInitiation, createPeerStatics } from '@warren/core/wireguard/noise';
import { TimestampSource } from '@warren/core/wireguard/tai64n';
import { beforeEach, expect, test } from 'vitest';

const HELLO = Uint8Array.from({ length: 40 }, (_, i) => i);

let world: EngineWorld;
let a: TestNode;
let b: TestNode;
let flood: Uint8Array;

beforeEach(() => {
  world = new EngineWorld(0xc00);
  a = world.node('100.64.0.1', '192.0.2.1:41641');
  b = world.node('100.64.0.2', '[2001:db8::2]:41641');
  a.knows(b);
  b.knows(a);
  const random = new SeededRandom(0xbad);
  const identity = createIdentity(nobleCrypto, generatePrivateKey('node', random));
  const statics = createPeerStatics(nobleCrypto, identity, publicKeyBytes(b.key));
  const timestamp = new TimestampSource(() => wallTime(1)).next();
  const made = statics && createInitiation(nobleCrypto, random, identity, statics, 7, timestamp);
  if (made === undefined) throw new Error('the key is a good one');
  flood = made.message;
});

/** 300 initiations of a stranger, from 300 ports. */
function floodB(): void {
  for (let i = 0; i < 300; i++)
    b.receive(1, `198.51.100.66:${1_000 + i}` as Endpoint, flood.slice());
}

function passFlooded(ms: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    floodB();
    world.pass(500);
  }
}

test('a direct initiation is answered by a cookie along its way, the next one by a session', () => {
  a.reaches(b, direct('[2001:db8::2]:41641'));
  b.reaches(a, direct('192.0.2.1:41641'));
  floodB();
  a.sendTo(b, HELLO);
  passFlooded(1_000);
  expect(a.totals()).toEqual({ 'cookie-accepted': 1 });
  expect(b.payloads()).toEqual([]);
  passFlooded(5_000);
  expect(b.payloads()).toEqual([HELLO]);
  expect(b.totals()['initiation-without-cookie']).toBeGreaterThan(1_000);
  expect(b.upOf('handshake-done').length).toBe(1);
});

test('a relayed initiation is answered at once', () => {
  a.reaches(b, relay(3));
  b.reaches(a, relay(3));
  floodB();
  a.sendTo(b, HELLO);
  passFlooded(500);
  expect(b.payloads()).toEqual([HELLO]);
});

test('on two ways at once the relayed copy doesn’t wait for the direct one’s cookie', () => {
  a.reaches(b, direct('[2001:db8::2]:41641'), relay(3));
  b.reaches(a, direct('192.0.2.1:41641'), relay(3));
  floodB();
  a.sendTo(b, HELLO);
  passFlooded(500);
  expect(b.payloads()).toEqual([HELLO]);
  expect(a.totals()['cookie-accepted']).toBe(1);
});
