import { bitFlips, extensions, truncations } from '@warren/core/base/mutations';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Endpoint } from '@warren/core/ip/address';
import {
  direct,
  EngineWorld,
  type TestNode,
} from '@warren/core/packet-engine/testing/engine-world';
import { beforeEach, expect, test } from 'vitest';

const HELLO = new Uint8Array(48).fill(3);
const ATTACKER = '198.51.100.66:666' as Endpoint;

let world: EngineWorld;
let a: TestNode;
let b: TestNode;
/** Every datagram between the two, in order. */
let wire: Uint8Array[];

beforeEach(() => {
  world = new EngineWorld(0x405);
  [a, b] = world.couple();
  wire = [];
  const carry = world.carryUdp.bind(world);
  world.carryUdp = (source, remote, bytes) => {
    wire.push(bytes.slice());
    carry(source, remote, bytes);
  };
  a.sendTo(b, HELLO);
  world.pass(1_000);
});

function dropped(node: TestNode): number {
  return Object.values(node.totals()).reduce((sum, count) => sum + count, 0);
}

/** The session lives and nothing but the counters moved. */
function expectUnharmed(): void {
  const before = b.written.length;
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(before + 1);
  b.sendTo(a, HELLO);
  world.pass(1_000);
  expect(a.written.at(-1)?.slice(20)).toEqual(HELLO);
}

test('the wire showed initiation, response and data', () => {
  expect(wire.map((bytes) => bytes[0])).toEqual([1, 2, 4]);
});

test('random datagrams of all lengths are counted', () => {
  const random = new SeededRandom(0xbad);
  for (let i = 0; i < 3_000; i++) {
    b.receive(1, ATTACKER, random.fill(new Uint8Array(random.below(1_600))));
  }
  expect(dropped(b)).toBe(3_000);
  expect(b.upOf('datagram')).toEqual([]);
  expectUnharmed();
});

test('random bytes behind each WireGuard type are counted', () => {
  const random = new SeededRandom(0xbad2);
  for (const [type, length] of [
    [1, 148],
    [2, 92],
    [3, 64],
    [4, 32],
    [4, 1_452],
  ] as const) {
    for (let i = 0; i < 100; i++) {
      const bytes = random.fill(new Uint8Array(length));
      bytes.set([type, 0, 0, 0]);
      b.receive(1, ATTACKER, bytes);
    }
  }
  expect(b.totals()).toEqual({
    'cookie-reply-unexpected': 100,
    'initiation-bad-mac1': 100,
    'response-unexpected': 100,
    'transport-unknown-index': 200,
  });
  expectUnharmed();
});

test('true messages cut short or made longer are counted', () => {
  let sent = 0;
  for (const message of wire) {
    for (const damaged of [...truncations(message), ...extensions(message)]) {
      b.receive(1, ATTACKER, damaged);
      sent++;
    }
  }
  expect(dropped(b)).toBe(sent);
  expect(b.upOf('authenticated').length).toBe(1);
  expectUnharmed();
});

test('true messages with one bit turned are counted', () => {
  let sent = 0;
  for (const message of wire) {
    for (const flipped of bitFlips(message)) {
      // mac2 isn't looked at, so an initiation with another one is a replay.
      b.receive(1, ATTACKER, flipped);
      sent++;
    }
  }
  expect(dropped(b)).toBe(sent);
  expect(b.written.length).toBe(1);
  expectUnharmed();
});

test('everything replayed a thousand times is counted and changes nothing', () => {
  for (let i = 0; i < 1_000; i++) {
    for (const message of wire.slice(1)) b.receive(1, ATTACKER, message.slice());
  }
  for (let i = 0; i < 50; i++) b.receive(1, ATTACKER, (wire[0] ?? HELLO).slice());
  expect(b.totals()).toEqual({
    'initiation-replayed': 50,
    'response-unexpected': 1_000,
    'transport-replayed': 1_000,
  });
  expect(b.upOf('handshake-done').length).toBe(1);
  expect(b.upOf('authenticated').length).toBe(1);
  expectUnharmed();
});

test('a way that turns 2,000 packets round and doubles each delivers all once; another peer notices nothing', () => {
  const c = world.node('100.64.0.3', '192.0.2.3:41641');
  for (const [one, other, endpoint] of [
    [b, c, '192.0.2.3:41641'],
    [c, b, '192.0.2.2:41641'],
  ] as const) {
    one.knows(other);
    one.reaches(other, direct(endpoint));
  }
  c.sendTo(b, HELLO);
  world.pass(1_000);
  const carry = world.carryUdp.bind(world);
  const held: Uint8Array[] = [];
  world.carryUdp = (source, remote, bytes) => {
    if (source === '192.0.2.1:41641') held.push(bytes.slice());
    else carry(source, remote, bytes);
  };
  const numbered = (i: number): Uint8Array => Uint8Array.of(i >> 8, i & 255, 1, 2, 3, 4, 5, 6);
  const before = { written: b.written.length, totals: b.totals() };
  for (let i = 0; i < 4_000; i++) a.sendTo(b, numbered(i));
  for (let block = 0; block < 4_000; block += 2_000) {
    for (let i = 1_999; i >= 0; i--) {
      for (let copy = 0; copy < 2; copy++) {
        b.receive(1, '192.0.2.1:41641' as Endpoint, (held[block + i] ?? HELLO).slice());
      }
      if (i % 100 === 0) c.sendTo(b, HELLO);
    }
    world.pass(20);
  }
  const written = b.written.slice(before.written);
  const ofA = written.filter((packet) => packet[15] === 1).map((packet) => packet.slice(20));
  expect(new Set(ofA.map(([high = 0, low = 0]) => high * 256 + low)).size).toBe(4_000);
  expect(ofA.length).toBe(4_000);
  expect(written.length - ofA.length).toBe(40);
  const doubles =
    (b.totals()['transport-replayed'] ?? 0) - (before.totals['transport-replayed'] ?? 0);
  expect(doubles).toBe(4_000);
  expect(b.counters().peers.length).toBe(2);
});

test('replays from the true address show at most that the path works', () => {
  world.pass(1_000);
  for (let i = 0; i < 100; i++) {
    b.receive(1, '192.0.2.1:41641' as Endpoint, (wire[2] ?? HELLO).slice());
  }
  expect(b.written.length).toBe(1);
  expect(b.upOf('authenticated').length).toBe(2);
});

test('a relay that names the wrong sender is not believed', () => {
  const c = world.node('100.64.0.3', '192.0.2.3:41641');
  b.knows(c);
  const fresh: Uint8Array[] = [];
  world.carryUdp = (_source, _remote, bytes) => fresh.push(bytes);
  a.sendTo(b, HELLO);
  a.tell({ type: 'remove-peer', peer: b.key });
  a.knows(b);
  a.reaches(b, direct('192.0.2.2:41641'));
  a.sendTo(b, HELLO);
  world.pass(10);
  expect(fresh.map((bytes) => bytes[0])).toEqual([4, 1]);
  const packets = fresh.map((bytes) => ({ peer: c.key, regionId: 3, bytes }));
  b.tell({ type: 'relay-received', packets });
  expect(b.totals()).toEqual({ 'initiation-sender-differs': 1, 'transport-sender-differs': 1 });
  expect(b.written.length).toBe(1);
});

test('a relay that sends rubbish is counted', () => {
  const random = new SeededRandom(0xde);
  const packets = Array.from({ length: 200 }, (_, length) => ({
    peer: a.key,
    regionId: 3,
    bytes: random.fill(new Uint8Array(length)),
  }));
  b.tell({ type: 'relay-received', packets });
  expect(dropped(b)).toBe(200);
  expectUnharmed();
});

test('one-byte datagrams and Geneve are dropped quietly', () => {
  b.receive(1, ATTACKER, Uint8Array.of(7));
  b.receive(1, ATTACKER, new Uint8Array(0));
  const geneve = new Uint8Array(60);
  geneve.set([0, 0, 0x7a, 0x12, 1, 2, 3, 0, 4, 0, 0, 0]);
  b.receive(1, ATTACKER, geneve);
  expect(b.totals()).toEqual({ 'udp-geneve': 1, 'udp-noise': 2 });
});

test('strangers’ initiations for ten minutes leave no state behind', () => {
  const stranger = world.node('100.64.9.9', '198.51.100.66:666');
  stranger.knows(b);
  stranger.reaches(b, direct('192.0.2.2:41641'));
  for (let i = 0; i < 10; i++) {
    stranger.sendTo(b, HELLO);
    world.pass(60_000);
  }
  expect(b.totals()['initiation-unknown-peer']).toBeGreaterThan(50);
  // Its own peer's: the first, and one more because nothing answered on those keys.
  expect(b.upOf('handshake-done').map(({ peer }) => peer)).toEqual([a.key, a.key]);
  expect(b.counters().peers.length).toBe(1);
  expect(b.engine.nextTimeout()).toBeUndefined();
});
