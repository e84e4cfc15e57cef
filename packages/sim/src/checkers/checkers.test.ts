import type { Endpoint } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { embedIpv4 } from '../net/nat64.js';
import type { SimNode } from '../node/sim-node.js';
import { ip, socket } from '../topology/literals.js';
import type { Topology } from '../topology/types.js';
import { Chatter } from '../traffic/chatter.js';
import { encodePacket } from '../traffic/message.js';
import { SimWorld } from '../world/sim-world.js';
import { BoundedChecker } from './bounded.js';
import { Breaks, type Checker } from './checker.js';
import { DIRECT_MS, DirectnessChecker } from './directness.js';
import { HARD_RECOVERY_MS, LivenessChecker } from './liveness.js';
import { ProvenPathChecker } from './proven-path.js';
import { RightPeerChecker } from './right-peer.js';
import { Wholeness } from './wholeness.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const threeInTheOpen: Topology = {
  name: 'three-in-the-open',
  regions: [{ name: 'east' }],
  links: [],
  hosts: [{ name: 'hub', region: 'east', addresses: [ip('3.210.5.10')], accessOneWayMs: 15 }],
  networks: [],
  machines: ['a', 'b', 'c'].map((name, index) => ({
    name,
    at: { kind: 'public', region: 'east', addresses: [ip(`52.20.10.${index + 1}`)] },
  })),
};

let world: SimWorld;
let breaks: Breaks;
let wholeness: Wholeness<SimNode>;

beforeEach(() => {
  world = new SimWorld({ topology: threeInTheOpen, seed: 1, crypto: createNodeCrypto() });
  breaks = new Breaks(world.clock);
  wholeness = new Wholeness(world.clock);
  expect(world.join(10_000)).toBe(true);
});

/** Runs with a checker that looks once a second. */
function watch(checker: Checker, ms: number): string[] {
  world.observers.push(checker);
  new Chatter(world, world.random.fork(), 500);
  for (let past = 0; past < ms; past += 1000) {
    world.clock.run(1000);
    checker.look?.();
  }
  checker.finish?.();
  return breaks.list.map(({ checker: name, what }) => `${name}: ${what}`);
}

describe('liveness', () => {
  test('is content with a world in which nothing happens', () => {
    const checker = new LivenessChecker(world, breaks, wholeness);
    expect(watch(checker, HARD_RECOVERY_MS + 10_000)).toEqual([]);
    expect(checker.heard).toBeGreaterThan(250);
  });

  test('sees a line that broke and that nobody admits to', () => {
    const checker = new LivenessChecker(world, breaks, wholeness);
    const line = world.node('a').host.plug?.uplink.quality;
    world.clock.later(HARD_RECOVERY_MS, () => Object.assign(line ?? {}, { up: false }));
    const [first] = watch(checker, HARD_RECOVERY_MS + 20_000);
    expect(first).toMatch(/^liveness: message \d+ of \w to \w, said at \d+ ms, was lost 1\d\.\d s/);
  });

  test('excuses what a fault explains, and no more', () => {
    const checker = new LivenessChecker(world, breaks, wholeness);
    const line = world.node('a').host.plug?.uplink.quality;
    wholeness.begin([world.node('a')], 'hard');
    Object.assign(line ?? {}, { up: false });
    expect(watch(checker, 20_000)).toEqual([]);
    // The fault is declared over, but it is not.
    wholeness.end([world.node('a')], 'hard');
    expect(watch(checker, HARD_RECOVERY_MS + 5_000)).not.toEqual([]);
  });
});

describe('liveness on a line that loses packets', () => {
  /** All that `a` says and hears takes the relay and waits for `ms`, although its line only counts as lossy. */
  function deafen(checker: Checker, ms: number): string[] {
    const [a, b, c] = world.nodes.map(({ host }) => host.plug?.uplink);
    if (a === undefined || b === undefined || c === undefined) throw new Error('plugged in');
    for (const other of [b, c]) world.internet.cut(a, other);
    wholeness.begin(world.nodes, 'lossy');
    world.clock.later(20_000, () => Object.assign(a.quality, { up: false }));
    world.clock.later(20_000 + ms, () => Object.assign(a.quality, { up: true }));
    return watch(checker, 20_000 + ms + 15_000);
  }

  test('excuses that a relay’s stream stalls, for all they can do about it', () => {
    expect(deafen(new LivenessChecker(world, breaks, wholeness), 8_000)).toEqual([]);
  });

  test('excuses it no longer than a dead connection', () => {
    const [first] = deafen(new LivenessChecker(world, breaks, wholeness), 60_000);
    expect(first).toMatch(/^liveness: .* in a row$/);
  });
});

describe('right-peer', () => {
  test('sees a message that comes out at a machine it is not for', () => {
    const [a, b, c] = world.nodes;
    const [source, target] = [a?.overlay, b?.overlay];
    if (c === undefined || source === undefined || target === undefined) throw new Error('joined');
    const checker = new RightPeerChecker(world, breaks);
    const message = { kind: 'said', from: 0, to: 1, number: 7 } as const;
    checker.onSaid(message);
    checker.onMessage(c, message, encodePacket(source, target, message));
    expect(breaks.list[0]?.what).toBe('c got message 7, which is for machine 1');
  });

  test('sees a message that comes out twice', () => {
    const [a, b] = world.nodes;
    const [source, target] = [a?.overlay, b?.overlay];
    if (b === undefined || source === undefined || target === undefined) throw new Error('joined');
    const checker = new RightPeerChecker(world, breaks);
    const message = { kind: 'said', from: 0, to: 1, number: 7 } as const;
    const packet = encodePacket(source, target, message);
    checker.onSaid(message);
    checker.onMessage(b, message, packet);
    expect(breaks.total).toBe(0);
    checker.onMessage(b, message, packet);
    expect(breaks.list[0]?.what).toBe('b got message 7 twice, or nobody said it');
  });
});

describe('proven-path', () => {
  test('is content with the paths that nodes find', () => {
    expect(watch(new ProvenPathChecker(world, breaks), 5_000)).toEqual([]);
  });

  test('sees a path to a place where another machine sent from', () => {
    const checker = new ProvenPathChecker(world, breaks);
    const [a, b, c] = world.nodes;
    if (a === undefined || b?.key === undefined || c === undefined) throw new Error('joined');
    const remote = socket('52.20.10.3:41641');
    const datagram = {
      source: remote,
      target: remote,
      bytes: new Uint8Array(),
      hops: 64,
      origin: c.name,
    };
    checker.onDatagram(a, datagram);
    checker.onDown(a, {
      type: 'set-paths',
      peer: b.key,
      paths: [{ kind: 'direct', socketId: 1, remote }],
    });
    expect(breaks.list[0]?.what).toBe('a sends data for b to 52.20.10.3:41641, where it heard c');
  });

  test('knows by the IPv4 address who sends from behind a NAT64, though a stranger came first', () => {
    const checker = new ProvenPathChecker(world, breaks);
    const [a, b] = world.nodes;
    if (a === undefined || b?.key === undefined) throw new Error('joined');
    // b's datagram sets out; a copy with its source, sent by somebody else, is the first to arrive.
    const sent = {
      source: socket('52.20.10.2:41641'),
      target: socket('66.66.66.66:41641'),
      bytes: new Uint8Array(),
      hops: 64,
    };
    const uplink = b.host.plug?.uplink;
    if (uplink === undefined) throw new Error('plugged in');
    world.internet.send(uplink, { ...sent, origin: b.name });
    const remote = embedIpv4(sent.source);
    checker.onDatagram(a, { ...sent, source: remote, origin: 'stranger' });
    const down = (to: Endpoint): void =>
      checker.onDown(a, {
        type: 'set-paths',
        peer: b.key as NodeKey,
        paths: [{ kind: 'direct', socketId: 1, remote: to }],
      });
    down(remote);
    expect(breaks.list).toEqual([]);
    down(embedIpv4(socket('52.20.10.3:41641')));
    expect(breaks.list).toHaveLength(1);
  });
});

describe('directness', () => {
  test('sees a pair that could be direct and is not', () => {
    const checker = new DirectnessChecker(world, breaks, wholeness, () => 'direct');
    const [a, b] = world.nodes;
    const [from, to] = [a?.host.plug?.uplink, b?.host.plug?.uplink];
    if (from === undefined || to === undefined) throw new Error('plugged in');
    world.internet.cut(from, to);
    expect(watch(checker, DIRECT_MS + 1000)).toEqual([
      'directness: a could reach b directly and does not',
      'directness: b could reach a directly and does not',
    ]);
  });

  test('sees a claim that theory rules out', () => {
    const checker = new DirectnessChecker(world, breaks, wholeness, () => 'relay');
    expect(watch(checker, DIRECT_MS + 1000)).toHaveLength(6);
  });
});

test('bounded sees a table that grew too large', () => {
  const checker = new BoundedChecker(world, breaks);
  expect(watch(checker, 3_000)).toEqual([]);
  const a = world.node('a');
  for (let id = 100; id < 800; id++) a.plane?.sockets.open(id, 4, 0);
  checker.finish();
  expect(breaks.list[0]?.what).toMatch(/^sockets of a: 701, more than \d+$/);
});
