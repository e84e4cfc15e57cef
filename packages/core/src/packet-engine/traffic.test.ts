import { concatBytes } from '@warren/core/base/bytes';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { parsePrefix } from '@warren/core/ip/prefix';
import {
  CLEAN,
  direct,
  EngineWorld,
  relay,
  type TestNode,
} from '@warren/core/packet-engine/testing/engine-world';
import { ipPacket } from '@warren/core/packet-engine/testing/ip-packets';
import { End } from '@warren/core/wireguard/testing/device-pair';
import { describe, expect, test } from 'vitest';

const HELLO = new Uint8Array(32).fill(7);

/** Segments of a stream: a number and up to `most` random bytes. */
function segments(world: EngineWorld, count: number, most: number): Uint8Array[] {
  return Array.from({ length: count }, (_, number) => {
    const segment = world.random.fill(new Uint8Array(4 + world.random.below(most)));
    new DataView(segment.buffer).setUint32(0, number);
    return segment;
  });
}

/** The bytes of the segments that arrived, put in order; undefined while one is missing. */
function reassemble(node: TestNode, count: number): Uint8Array | undefined {
  const bySequence = new Map<number, Uint8Array>();
  for (const payload of node.payloads()) {
    bySequence.set(new DataView(payload.buffer).getUint32(0), payload.slice(4));
  }
  if (bySequence.size < count) return undefined;
  return concatBytes(...Array.from({ length: count }, (_, i) => bySequence.get(i) ?? HELLO));
}

/** Sends every segment, and again what has not arrived after each 300 ms, until all have. */
function transfer(world: EngineWorld, from: TestNode, to: TestNode, stream: Uint8Array[]): number {
  let rounds = 0;
  let missing = stream;
  while (missing.length > 0 && rounds < 200) {
    rounds++;
    for (let i = 0; i < missing.length; i += 20) from.sendTo(to, ...missing.slice(i, i + 20));
    world.pass(300);
    const arrived = new Set(to.payloads().map((bytes) => new DataView(bytes.buffer).getUint32(0)));
    missing = stream.filter((_, number) => !arrived.has(number));
  }
  return rounds;
}

describe.each([
  ['a clean way', CLEAN],
  ['a fifth lost', { ...CLEAN, lossFraction: 0.2 }],
  ['packets overtaking each other', { ...CLEAN, jitterMs: 80 }],
  ['packets doubled', { ...CLEAN, duplicateFraction: 0.5 }],
  ['all of it at once', { lossFraction: 0.15, duplicateFraction: 0.2, delayMs: 30, jitterMs: 60 }],
])('over %s', (_, link) => {
  test.each([1, 2, 3])('a stream arrives byte for byte (seed %i)', (seed) => {
    const world = new EngineWorld(seed);
    world.link = link;
    const [a, b] = world.couple();
    const stream = segments(world, 150, 1_200);
    const rounds = transfer(world, a, b, stream);
    expect(reassemble(b, stream.length), `seed ${seed}, ${rounds} rounds`).toEqual(
      concatBytes(...stream.map((segment) => segment.slice(4))),
    );
  });
});

test('packets of one batch leave in order and arrive in order on a clean way', () => {
  const world = new EngineWorld(11);
  const [a, b] = world.couple();
  const stream = segments(world, 100, 100);
  a.sendTo(b, ...stream);
  world.pass(1_000);
  expect(b.payloads()).toEqual(stream);
  expect(a.totals()).toEqual({});
  expect(b.totals()).toEqual({});
});

test('streams cross and rekey for ten minutes without a loss', () => {
  const world = new EngineWorld(12);
  const [a, b] = world.couple();
  for (let second = 0; second < 600; second++) {
    a.sendTo(b, Uint8Array.of(1, second >> 8, second & 255));
    b.sendTo(a, Uint8Array.of(2, second >> 8, second & 255));
    world.pass(1_000);
  }
  expect(a.written.length).toBe(600);
  expect(b.written.length).toBe(600);
  expect(a.upOf('handshake-done').length).toBeGreaterThanOrEqual(5);
});

test('over the relay alone', () => {
  const world = new EngineWorld(13);
  const [a, b] = world.couple();
  a.reaches(b, relay(900));
  b.reaches(a, relay(900));
  const stream = segments(world, 60, 900);
  a.sendTo(b, ...stream);
  world.pass(1_000);
  expect(b.payloads()).toEqual(stream);
  expect(a.udpSent).toBe(0);
  expect(b.upOf('handshake-done')[0]?.path).toEqual(relay(900));
  a.relayMessages = 0;
  a.sendTo(b, ...stream);
  expect(a.relayMessages).toBe(1);
});

test('direct and relay together deliver everything once, whichever is down', () => {
  for (const down of ['none', 'direct', 'relay'] as const) {
    const world = new EngineWorld(14);
    const [a, b] = world.couple();
    a.reaches(b, direct('192.0.2.2:41641'), relay(1));
    b.reaches(a, direct('192.0.2.1:41641'), relay(1));
    if (down === 'direct') world.link = { ...CLEAN, lossFraction: 1 };
    if (down === 'relay') world.relayLink = { ...CLEAN, lossFraction: 1 };
    const stream = segments(world, 80, 300);
    for (const segment of stream) {
      a.sendTo(b, segment);
      world.pass(20);
    }
    world.pass(1_000);
    expect(b.payloads(), down).toEqual(stream);
    expect((b.totals()['transport-replayed'] ?? 0) > 70).toBe(down === 'none');
  }
});

test('with both paths in use, each is reported as alive', () => {
  const world = new EngineWorld(15);
  const [a, b] = world.couple();
  a.reaches(b, direct('192.0.2.2:41641'), relay(1));
  b.reaches(a, direct('192.0.2.1:41641'), relay(1));
  for (let i = 0; i < 50; i++) {
    a.sendTo(b, HELLO);
    world.pass(100);
  }
  const paths = b.upOf('authenticated').map(({ path }) => path.kind);
  for (const kind of ['direct', 'relay']) {
    const reports = paths.filter((path) => path === kind).length;
    expect(reports).toBeGreaterThanOrEqual(4);
    expect(reports).toBeLessThanOrEqual(6);
  }
});

test('IPv6 packets find their way, by the longest prefix', () => {
  const world = new EngineWorld(16);
  const [a, b] = world.couple();
  const c = world.node('100.64.0.3', '192.0.2.3:41641');
  c.knows(a);
  const prefixes = (...texts: string[]) =>
    texts.map((text) => parsePrefix(text) ?? expect.unreachable());
  const common = { type: 'set-peer', keepaliveMs: 0, followsSource: false } as const;
  a.tell({ ...common, peer: b.key, allowedIps: prefixes('fd7a::/16', '0.0.0.0/0') });
  a.tell({ ...common, peer: c.key, allowedIps: prefixes('fd7a:1::/32') });
  a.reaches(c, direct('192.0.2.3:41641'));
  const source = 'fd00::1' as IpAddress;
  b.tell({ ...common, peer: a.key, allowedIps: prefixes('fd00::1/128') });
  c.tell({ ...common, peer: a.key, allowedIps: prefixes('fd00::1/128') });
  a.sendPackets(
    ipPacket(source, 'fd7a:1::9' as IpAddress, HELLO),
    ipPacket(source, 'fd7a:2::9' as IpAddress, HELLO),
    ipPacket(source, 'fd00::9' as IpAddress, HELLO),
    ipPacket('10.0.0.1' as IpAddress, '198.51.100.1' as IpAddress, HELLO),
  );
  world.pass(1_000);
  expect(c.written.length).toBe(1);
  expect(b.written.length).toBe(1);
  expect(b.totals()).toEqual({ 'inner-source-not-allowed': 1 });
  expect(a.totals()).toEqual({ 'no-peer-for-destination': 1 });
});

test('packets from addresses that are not the peer’s are dropped', () => {
  const world = new EngineWorld(17);
  const [a, b] = world.couple();
  const c = world.node('100.64.0.3', '192.0.2.3:41641');
  b.knows(c);
  const to = b.overlay;
  a.sendPackets(
    ipPacket('100.64.0.3' as IpAddress, to, HELLO), // another peer's
    ipPacket('8.8.8.8' as IpAddress, to, HELLO), // nobody's
    ipPacket('100.64.0.1' as IpAddress, to, HELLO), // its own
  );
  world.pass(1_000);
  expect(b.written.length).toBe(1);
  expect(b.totals()).toEqual({ 'inner-source-not-allowed': 2 });
  expect(b.counters().peers.find(({ peer }) => peer === a.key)?.rxBytes).toBe(20 + HELLO.length);
});

test('what is no IP packet is dropped before it is sealed', () => {
  const world = new EngineWorld(18);
  const [a, b] = world.couple();
  const packet = ipPacket(a.overlay, b.overlay, HELLO);
  a.sendPackets(packet.slice(0, 19), Uint8Array.of(0x45), new Uint8Array(40), new Uint8Array(0));
  world.pass(100);
  expect(a.totals()).toEqual({ 'outer-ip-truncated': 3, 'outer-ip-unknown-version': 1 });
  expect(a.udpSent).toBe(0);
});

test('a peer that seals what is no IP packet gets nothing written', () => {
  const world = new EngineWorld(19);
  const node = world.node('100.64.0.1', '192.0.2.1:41641');
  const other = new End('other software', world.random, world);
  other.join(node);
  const allowedIps = [parsePrefix('100.64.0.2/32') ?? expect.unreachable()];
  const settings = { keepaliveMs: 0, followsSource: true, allowedIps } as const;
  node.tell({ type: 'set-peer', peer: other.key, ...settings });
  world.carryUdp = (_source, _remote, bytes) => other.take(bytes, world.now);
  const settle = () => {
    while (other.outbox.length > 0) {
      node.receive(1, '192.0.2.7:7' as Endpoint, other.outbox.shift() ?? HELLO);
    }
  };
  const good = ipPacket('100.64.0.2' as IpAddress, node.overlay, HELLO);
  const tooLong = good.slice();
  tooLong[3] = 200;
  const otherVersion = good.slice();
  otherVersion[0] = 0x75;
  for (const payload of [good, tooLong, otherVersion, good.slice(0, 10), Uint8Array.of(0x60)]) {
    other.say(payload, world.now);
    settle();
  }
  expect(node.written).toEqual([good]);
  expect(node.totals()).toEqual({
    'inner-ip-truncated': 3,
    'inner-ip-unknown-version': 1,
  });
});
