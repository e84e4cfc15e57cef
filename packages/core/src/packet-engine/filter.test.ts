/** The packet filter between two engines: WireGuard lets everything through, the filter decides. */
import { ALL_PORTS, type FilterRule } from '@warren/core/engines/filter-rule';
import { packet } from '@warren/core/filter/testing/packets';
import { hostPrefix, type Prefix } from '@warren/core/ip/prefix';
import { EngineWorld, type TestNode } from '@warren/core/packet-engine/testing/engine-world';
import { beforeEach, expect, test } from 'vitest';

const [TCP, UDP, ICMP] = [6, 17, 1] as const;

let world: EngineWorld;
let a: TestNode;
let b: TestNode;

/** Control's rules for `node`, which holds its one address. */
function setRules(node: TestNode, ...rules: FilterRule[]): void {
  node.tell({ type: 'set-filter', rules, localAddresses: [hostPrefix(node.overlay)] });
}

const allow = (protocol: number, port: number | undefined, ...sources: TestNode[]): FilterRule => ({
  protocols: [protocol],
  sources: sources.map((node) => hostPrefix(node.overlay)),
  targets: [
    {
      prefix: '100.64.0.0/10' as Prefix,
      ports: port === undefined ? ALL_PORTS : { first: port, last: port },
    },
  ],
});

const udp = (from: TestNode, to: TestNode, sourcePort: number, targetPort: number): Uint8Array =>
  packet({ source: from.overlay, target: to.overlay, protocol: UDP, sourcePort, targetPort });

function send(from: TestNode, ...packets: Uint8Array[]): void {
  from.sendPackets(...packets);
  world.pass(500);
}

beforeEach(() => {
  world = new EngineWorld(3);
  [a, b] = world.couple();
});

test('a fresh engine lets nothing in or out until it has a filter', () => {
  const c = world.node('100.64.0.3', '192.0.2.3:41641', false);
  c.knows(b);
  b.knows(c);
  c.reaches(b, { kind: 'relay', regionId: 1 });
  b.reaches(c, { kind: 'relay', regionId: 1 });
  send(c, udp(c, b, 1, 2));
  expect(c.totals()).toEqual({ 'filter-out-not-set': 1 });
  send(b, udp(b, c, 1, 2));
  expect(c.written).toEqual([]);
  expect(c.totals()).toEqual({ 'filter-out-not-set': 1, 'filter-in-not-set': 1 });
});

test('one port in one direction: asked and answered, all else is dropped and counted', () => {
  setRules(a);
  setRules(b, allow(UDP, 53, a));
  send(a, udp(a, b, 1000, 53), udp(a, b, 1000, 54));
  send(b, udp(b, a, 53, 1000), udp(b, a, 9, 1000));
  expect(b.written).toEqual([udp(a, b, 1000, 53)]);
  expect(a.written).toEqual([udp(b, a, 53, 1000)]);
  expect(a.totals()).toEqual({ 'filter-in-denied-udp': 1 });
  expect(b.totals()).toEqual({ 'filter-in-denied-udp': 1 });
});

test('a connection begins in the allowed direction only, and then runs in both', () => {
  setRules(a);
  setRules(b, allow(TCP, 22, a));
  const tcp = (from: TestNode, to: TestNode, ports: readonly [number, number], flags: number) => {
    const [sourcePort, targetPort] = ports;
    const addresses = { source: from.overlay, target: to.overlay };
    return packet({ ...addresses, protocol: TCP, sourcePort, targetPort, flags });
  };
  const [syn, synAck, ack] = [2, 18, 16];
  send(a, tcp(a, b, [1000, 22], syn));
  send(b, tcp(b, a, [22, 1000], synAck));
  send(a, tcp(a, b, [1000, 22], ack));
  expect([a.written.length, b.written.length]).toEqual([1, 2]);
  send(b, tcp(b, a, [1001, 22], syn));
  send(a, tcp(a, b, [1001, 23], syn));
  expect([a.written.length, b.written.length]).toEqual([1, 2]);
  expect(a.totals()).toEqual({ 'filter-in-denied-tcp': 1 });
  expect(b.totals()).toEqual({ 'filter-in-denied-tcp': 1 });
});

test('pings are answered to who may ask', () => {
  setRules(a);
  setRules(b, allow(TCP, 22, a));
  const echo = (from: TestNode, to: TestNode, type: number): Uint8Array =>
    packet({ source: from.overlay, target: to.overlay, protocol: ICMP, type });
  send(a, echo(a, b, 8));
  send(b, echo(b, a, 0));
  send(b, echo(b, a, 8));
  expect(b.written).toEqual([echo(a, b, 8)]);
  expect(a.written).toEqual([echo(b, a, 0)]);
  expect(a.totals()).toEqual({ 'filter-in-denied-icmp': 1 });
});

test('packets under other addresses than ours don’t leave', () => {
  setRules(a, allow(UDP, undefined, b));
  const spoofed = packet({ source: '100.64.0.9', target: b.overlay, protocol: UDP });
  send(a, spoofed, udp(a, b, 1, 2));
  expect(b.written).toEqual([udp(a, b, 1, 2)]);
  expect(a.totals()).toEqual({ 'filter-out-source-not-ours': 1 });
});

test('what isn’t for us doesn’t come in, though the peer may send from there', () => {
  setRules(b, allow(UDP, undefined, a));
  // a believes that b holds it.
  const allowedIps = ['100.64.0.2/32', '10.0.0.0/8'] as Prefix[];
  const settings = { keepaliveMs: 0, followsSource: false, allowedIps };
  a.tell({ type: 'set-peer', peer: b.key, ...settings });
  send(a, packet({ source: a.overlay, target: '10.0.0.1', protocol: UDP }));
  expect(b.written).toEqual([]);
  expect(b.totals()).toEqual({ 'filter-in-not-for-us': 1 });
});

test('new rules hold from the next packet on', () => {
  setRules(b, allow(UDP, 53, a));
  send(a, udp(a, b, 1000, 53));
  setRules(b);
  send(a, udp(a, b, 1000, 53));
  setRules(b, allow(UDP, 53, a));
  send(a, udp(a, b, 1000, 53));
  expect(b.written.length).toBe(2);
  expect(b.totals()).toEqual({ 'filter-in-denied-udp': 1 });
});

test('a jailed peer answers and begins nothing, whatever the rules; others are free', () => {
  setRules(a);
  setRules(b, allow(UDP, undefined, a));
  send(a, udp(a, b, 1000, 53));
  b.knows(a, { isJailed: true });
  // What it began before goes on no more.
  send(a, udp(a, b, 1000, 53), udp(a, b, 1001, 53));
  expect(b.written.length).toBe(1);
  expect(b.totals()).toEqual({ 'filter-in-jailed': 2 });
  send(b, udp(b, a, 2000, 7));
  send(a, udp(a, b, 7, 2000));
  expect(b.written.at(-1)).toEqual(udp(a, b, 7, 2000));
  b.knows(a);
  send(a, udp(a, b, 1001, 53));
  expect(b.written.length).toBe(3);
});
