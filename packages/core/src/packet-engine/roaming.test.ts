import type { Endpoint } from '@warren/core/ip/address';
import { CLEAN, direct, EngineWorld, relay } from '@warren/core/packet-engine/testing/engine-world';
import { expect, test } from 'vitest';

const HELLO = new Uint8Array(16).fill(3);

test('a plain WireGuard peer is followed to its new address', () => {
  const world = new EngineWorld(21);
  const [phone, server] = world.couple();
  server.knows(phone, { followsSource: true });
  phone.sendTo(server, HELLO);
  world.pass(1_000);
  expect(server.upOf('roamed')).toEqual([]);

  phone.sockets.set(1, '203.0.113.77:5555' as Endpoint);
  phone.sendTo(server, HELLO);
  world.pass(1_000);
  const moved = direct('203.0.113.77:5555');
  expect(server.upOf('roamed')).toEqual([{ type: 'roamed', peer: phone.key, path: moved }]);
  server.sendTo(phone, HELLO);
  world.pass(1_000);
  expect(phone.written.length).toBe(1);
});

test('a plain WireGuard peer without a path gets one from its initiation', () => {
  const world = new EngineWorld(22);
  const [phone, server] = world.couple();
  server.knows(phone, { followsSource: true });
  server.reaches(phone);
  phone.sendTo(server, HELLO);
  world.pass(1_000);
  expect(server.written.length).toBe(1);
  expect(server.upOf('roamed').length).toBe(1);
  server.sendTo(phone, HELLO);
  world.pass(1_000);
  expect(phone.written.length).toBe(1);
});

test('a packet never moves the path of a peer that proves its paths', () => {
  const world = new EngineWorld(23);
  const [a, b] = world.couple();
  a.sendTo(b, HELLO);
  world.pass(1_000);
  a.sockets.set(1, '203.0.113.77:5555' as Endpoint);
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(2);
  expect(b.upOf('roamed')).toEqual([]);
  b.sendTo(a, HELLO);
  world.pass(1_000);
  expect(a.written).toEqual([]);
});

test('replayed and forged packets from elsewhere move nobody', () => {
  const world = new EngineWorld(24);
  const [phone, server] = world.couple();
  server.knows(phone, { followsSource: true });
  const seen: Uint8Array[] = [];
  const carry = world.carryUdp.bind(world);
  world.carryUdp = (source, remote, bytes) => {
    seen.push(bytes.slice());
    carry(source, remote, bytes);
  };
  phone.sendTo(server, HELLO);
  world.pass(1_000);
  for (const bytes of seen) {
    server.receive(1, '198.51.100.66:6' as Endpoint, bytes.slice());
    const forged = bytes.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    server.receive(1, '198.51.100.66:6' as Endpoint, forged);
  }
  expect(server.upOf('roamed')).toEqual([]);
  server.sendTo(phone, HELLO);
  world.pass(1_000);
  expect(phone.written.length).toBe(1);
});

test('two sources in turn move the path at most ten times a second', () => {
  const world = new EngineWorld(25);
  const [phone, server] = world.couple();
  server.knows(phone, { followsSource: true });
  phone.sendTo(server, HELLO);
  world.pass(1_000);
  for (let i = 0; i < 1_000; i++) {
    phone.sockets.set(1, `203.0.113.77:${5_000 + (i % 2)}` as Endpoint);
    phone.sendTo(server, HELLO);
    world.pass(2);
  }
  expect(server.upOf('roamed').length).toBeGreaterThan(10);
  expect(server.upOf('roamed').length).toBeLessThanOrEqual(21);
  expect(server.written.length).toBeGreaterThan(990);
});

test('a handshake that came by relay is answered where set-paths says', () => {
  const world = new EngineWorld(26);
  const [a, b] = world.couple();
  a.reaches(b, relay(5));
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(1);
  expect(b.relayMessages).toBe(0);
  expect(b.udpSent).toBeGreaterThan(0);
  expect(a.upOf('handshake-done')[0]?.path).toEqual(direct('192.0.2.2:41641'));
  expect(b.upOf('handshake-done')[0]?.path).toEqual(relay(5));
});

test('without set-paths a handshake is answered the way it came, and data waits', () => {
  const world = new EngineWorld(27);
  const [a, b] = world.couple();
  b.reaches(a);
  a.reaches(b, relay(5));
  a.sendTo(b, HELLO);
  world.pass(1_000);
  expect(b.written.length).toBe(1);
  expect(b.relayMessages).toBe(1);
  b.sendTo(a, HELLO);
  world.pass(1_000);
  expect(a.written).toEqual([]);
  expect(b.upOf('peer-active').length).toBe(1);
  b.reaches(a, relay(5));
  world.pass(1_000);
  expect(a.written.length).toBe(1);
});

test('a path that comes after the first packet carries it without waiting for the next try', () => {
  const world = new EngineWorld(28);
  const [a, b] = world.couple();
  a.reaches(b);
  a.sendTo(b, HELLO);
  world.pass(300);
  a.reaches(b, relay(1));
  b.reaches(a, relay(1));
  world.pass(300);
  expect(b.written.length).toBe(1);
});

test('a dead path replaced by a working one costs no second', () => {
  const world = new EngineWorld(29);
  const [a, b] = world.couple();
  world.link = { ...CLEAN, lossFraction: 1 };
  a.sendTo(b, HELLO);
  world.pass(500);
  a.reaches(b, direct('192.0.2.2:41641'), relay(1));
  b.reaches(a, relay(1));
  world.pass(300);
  expect(b.written.length).toBe(1);
});
