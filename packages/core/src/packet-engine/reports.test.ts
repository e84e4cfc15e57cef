import { hexLiteral } from '@warren/core/base/bytes';
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { UpMessage } from '@warren/core/engines/messages';
import type { Endpoint } from '@warren/core/ip/address';
import { generatePrivateKey } from '@warren/core/keys/keys';
import { AskedRemotes } from '@warren/core/packet-engine/asked-remotes';
import {
  ASKED_REMOTE_MS,
  MAX_ASKED_REMOTES,
  MAX_PEERS,
  MAX_RELAY_PACKETS,
  UP_DATAGRAM_BURST,
} from '@warren/core/packet-engine/limits';
import { direct, EngineWorld, relay } from '@warren/core/packet-engine/testing/engine-world';
import { expect, test } from 'vitest';

const HELLO = new Uint8Array(16).fill(3);
const SOMEBODY = '198.51.100.9:1234' as Endpoint;

test('peer-active goes up at once after a pause and then once a second', () => {
  const world = new EngineWorld(31);
  const [a, b] = world.couple();
  const start = world.now;
  for (let i = 0; i < 30; i++) {
    a.sendTo(b, HELLO);
    world.pass(100);
  }
  expect(a.upOf('peer-active').map(({ at }) => at - start)).toEqual([0, 1_000, 2_000]);
  world.pass(1_500);
  a.sendTo(b, HELLO);
  expect(a.upOf('peer-active').at(-1)?.at).toBe(world.now);
  expect(b.upOf('peer-active')).toEqual([]);
});

test('a peer without a path is reported active although nothing can leave', () => {
  const world = new EngineWorld(32);
  const [a, b] = world.couple();
  a.reaches(b);
  a.sendTo(b, HELLO);
  expect(a.upOf('peer-active').length).toBe(1);
  expect(a.udpSent).toBe(0);
});

test('persistent keepalives ask for a path, too', () => {
  const world = new EngineWorld(33);
  const [a, b] = world.couple();
  a.reaches(b);
  a.knows(b, { keepaliveMs: 25_000 });
  world.pass(60_000);
  expect(a.upOf('peer-active').length).toBe(3);
  a.reaches(b, direct('192.0.2.2:41641'));
  world.pass(1_000);
  expect(a.upOf('handshake-done').length).toBe(1);
});

test('authenticated goes up once a second per path', () => {
  const world = new EngineWorld(34);
  const [a, b] = world.couple();
  for (let i = 0; i < 50; i++) {
    a.sendTo(b, HELLO);
    world.pass(100);
  }
  const reports = b.upOf('authenticated');
  expect(reports.length).toBe(5);
  expect(reports[0]).toMatchObject({ peer: a.key, path: direct('192.0.2.1:41641') });
});

test('a peer that sends from everywhere is not reported from everywhere', () => {
  const world = new EngineWorld(35);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(1_000);
  for (let i = 0; i < 500; i++) {
    a.sockets.set(1, `203.0.113.1:${1_000 + i}` as Endpoint);
    a.sendTo(b, HELLO);
    world.pass(2);
  }
  world.pass(20);
  expect(b.upOf('authenticated').length).toBeLessThanOrEqual(20);
  expect(b.totals()['authenticated-unreported']).toBeGreaterThan(400);
  expect(b.written.length).toBe(501);
});

test('a finished handshake goes up once on either side', () => {
  const world = new EngineWorld(36);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(5_000);
  expect(a.upOf('handshake-done')).toMatchObject([
    { peer: b.key, path: direct('192.0.2.2:41641') },
  ]);
  expect(b.upOf('handshake-done')).toMatchObject([
    { peer: a.key, path: direct('192.0.2.1:41641') },
  ]);
});

test('disco and STUN go up as they came, with socket, source and time', () => {
  const world = new EngineWorld(37);
  const [a] = world.couple();
  const disco = new Uint8Array(62);
  disco.set(hexLiteral('5453f09f92ac'));
  const stun = new Uint8Array(20);
  stun.set(hexLiteral('010100002112a442'));
  a.receive(4, SOMEBODY, disco.slice());
  a.receive(5, SOMEBODY, stun.slice());
  const common = { type: 'datagram', source: SOMEBODY, receivedAt: world.now };
  expect(a.up).toEqual<UpMessage[]>([
    { ...common, kind: 'disco', socketId: 4, bytes: disco } as UpMessage,
    { ...common, kind: 'stun', socketId: 5, bytes: stun } as UpMessage,
  ]);
});

test('a flood of disco does not fill the other engine’s mailbox', () => {
  const world = new EngineWorld(38);
  const [a] = world.couple();
  const disco = new Uint8Array(62);
  disco.set(hexLiteral('5453f09f92ac'));
  for (let i = 0; i < UP_DATAGRAM_BURST + 500; i++) a.receive(1, SOMEBODY, disco);
  expect(a.upOf('datagram').length).toBe(UP_DATAGRAM_BURST);
  expect(a.totals()).toEqual({ 'udp-not-wireguard-flood': 500 });
});

test('a flood from strangers does not drown answers from where we asked', () => {
  const world = new EngineWorld(5);
  const [a] = world.couple();
  const disco = new Uint8Array(80);
  disco.set([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]);
  const asked = '192.0.2.77:41641' as Endpoint;
  a.tell({ type: 'send', socketId: 1, remote: asked, bytes: disco.slice() });
  for (let i = 0; i < UP_DATAGRAM_BURST + 500; i++) a.receive(1, SOMEBODY, disco);
  a.receive(1, asked, disco);
  expect(a.upOf('datagram').at(-1)?.source).toBe(asked);
  expect(a.totals()).toEqual({ 'udp-not-wireguard-flood': 500 });
  world.pass(ASKED_REMOTE_MS);
  for (let i = 0; i < UP_DATAGRAM_BURST; i++) a.receive(1, SOMEBODY, disco);
  a.receive(1, asked, disco); // a stranger again by now
  expect(a.totals()).toEqual({ 'udp-not-wireguard-flood': 501 });
});

test('the places that we asked are bounded; the latest are known', () => {
  const asked = new AskedRemotes();
  for (let i = 0; i < 2 * MAX_ASKED_REMOTES; i++) {
    asked.note(`192.0.2.1:${i + 1}` as Endpoint, instant(i));
  }
  const now = instant(2 * MAX_ASKED_REMOTES);
  expect(asked.size).toBe(MAX_ASKED_REMOTES);
  expect(asked.has('192.0.2.1:1' as Endpoint, now)).toBe(false);
  expect(asked.has(`192.0.2.1:${2 * MAX_ASKED_REMOTES}` as Endpoint, now)).toBe(true);
});

test('sockets are opened, closed and reported', () => {
  const world = new EngineWorld(39);
  const [a] = world.couple();
  a.tell({ type: 'open-socket', socketId: 8, family: 6, port: 0 });
  a.engine.socketOpened(8, 41_642);
  a.engine.socketFailed(9, 'EADDRINUSE');
  a.tell({ type: 'close-socket', socketId: 8 });
  expect(a.opened).toEqual([8]);
  expect(a.closed).toEqual([8]);
  expect(a.up).toEqual([
    { type: 'socket-open', socketId: 8, port: 41_642 },
    { type: 'socket-failed', socketId: 9, reason: 'EADDRINUSE' },
  ]);
});

test('a refused send goes up once a second per socket and remote', () => {
  const world = new EngineWorld(40);
  const [a] = world.couple();
  for (let i = 0; i < 30; i++) {
    a.engine.sendFailed(1, SOMEBODY, 'EHOSTUNREACH', world.now);
    a.engine.sendFailed(2, SOMEBODY, 'EPERM', world.now);
    world.pass(100);
  }
  expect(a.upOf('send-failed').length).toBe(6);
  for (let i = 0; i < 1_000; i++) {
    a.engine.sendFailed(1, `203.0.113.1:${1_000 + i}` as Endpoint, 'EHOSTUNREACH', world.now);
  }
  expect(a.upOf('send-failed').length).toBeLessThan(300);
});

test('counters tell bytes per peer and the last handshake', () => {
  const world = new EngineWorld(41);
  const [a, b] = world.couple();
  a.sendTo(b, new Uint8Array(100), new Uint8Array(50));
  world.pass(1_000);
  b.sendTo(a, new Uint8Array(10));
  world.pass(1_000);
  const [seenByB] = b.counters().peers;
  expect(seenByB).toMatchObject({ peer: a.key, rxBytes: 190, txBytes: 30 });
  expect(seenByB?.lastHandshakeAt).toBeDefined();
  expect(a.counters().peers).toMatchObject([{ peer: b.key, rxBytes: 30, txBytes: 190 }]);
});

test('one batch makes one relay message, of bounded size', () => {
  const world = new EngineWorld(42);
  const [a, b] = world.couple();
  a.reaches(b, relay(1));
  b.reaches(a, relay(1));
  a.sendTo(b, HELLO);
  world.pass(1_000);
  a.relayMessages = 0;
  a.sendTo(b, ...Array.from({ length: MAX_RELAY_PACKETS + 9 }, () => HELLO));
  expect(a.relayMessages).toBe(1);
  expect(a.totals()).toEqual({ 'relay-batch-full': 9 });
});

test('a new identity ends all sessions and is used from then on', () => {
  const world = new EngineWorld(43);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(1_000);
  const privateKey = generatePrivateKey('node', new SeededRandom(4));
  a.tell({ type: 'set-identity', privateKey });
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(1);
  expect(b.totals()).toEqual({ 'initiation-unknown-peer': 1 });
  b.sendTo(a, HELLO);
  world.pass(1_000);
  expect(a.written).toEqual([]);
  expect(a.totals()['transport-unknown-index']).toBe(1);
});

test('without an identity nothing is sent and nothing accepted', () => {
  const world = new EngineWorld(44);
  const [a, b] = world.couple();
  const initiations: Uint8Array[] = [];
  world.carryUdp = (_source, _remote, bytes) => initiations.push(bytes);
  a.sendTo(b, HELLO);
  const bare = new EngineWorld(45).node('100.64.0.9', '192.0.2.9:1');
  bare.tell({ type: 'remove-peer', peer: a.key });
  for (const bytes of initiations) bare.receive(1, SOMEBODY, bytes);
  expect(bare.written).toEqual([]);
  expect(bare.totals()).toEqual({ 'initiation-bad-mac1': 1 });
});

test('a removed peer is forgotten with its addresses and keys', () => {
  const world = new EngineWorld(46);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(1_000);
  a.tell({ type: 'remove-peer', peer: b.key });
  a.reaches(b, relay(1));
  a.sendTo(b, HELLO);
  b.sendTo(a, HELLO);
  world.pass(1_000);
  expect(a.written).toEqual([]);
  expect(a.totals()).toEqual({
    'no-peer-for-destination': 1,
    'paths-for-unknown-peer': 1,
    'transport-unknown-index': 1,
  });
  expect(a.counters().peers).toEqual([]);
});

test('changing settings keeps the session', () => {
  const world = new EngineWorld(47);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(1_000);
  a.knows(b);
  b.knows(a, { followsSource: true });
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(2);
  expect(a.upOf('handshake-done').length).toBe(1);
});

test('an address given to a second peer moves there and stays', () => {
  const world = new EngineWorld(48);
  const [a, b] = world.couple();
  const c = world.node('100.64.0.2', '192.0.2.3:41641');
  c.knows(a);
  a.knows(c);
  a.reaches(c, direct('192.0.2.3:41641'));
  c.reaches(a, direct('192.0.2.1:41641'));
  a.knows(b); // the same word again takes nothing back
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written).toEqual([]);
  expect(c.written.length).toBe(1);
  a.tell({ type: 'remove-peer', peer: b.key });
  a.sendTo(c, HELLO);
  world.pass(1_000);
  expect(c.written.length).toBe(2);
});

test('peers are bounded', () => {
  const node = new EngineWorld(49).node('100.64.0.1', '192.0.2.1:1');
  const common = {
    type: 'set-peer',
    allowedIps: [],
    keepaliveMs: 0,
    followsSource: false,
  } as const;
  for (let i = 1; i <= MAX_PEERS + 3; i++) {
    const peer = i.toString(16).padStart(64, '0') as typeof node.key;
    node.tell({ ...common, peer });
  }
  expect(node.totals()).toEqual({ 'too-many-peers': 3 });
  expect(node.counters().peers.length).toBe(MAX_PEERS);
});
