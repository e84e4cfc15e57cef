import { coneNat, easyNat, hardNat, type NatBehaviour } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { describe, expect, test } from 'vitest';

type Kind = 'open' | 'easy' | 'hard' | 'cone';

const SPEC: Record<Kind, { nat?: NatBehaviour }> = {
  open: {},
  easy: { nat: easyNat },
  hard: { nat: hardNat },
  cone: { nat: coneNat },
};

/** Two nodes at home, known to each other, with nothing said yet. */
function couple(left: Kind, right: Kind): { world: World; a: WorldNode; b: WorldNode } {
  const world = new World(1);
  world.addRelay(900);
  world.addRelay(901, 25);
  const a = world.addNode('a', SPEC[left]);
  const b = world.addNode('b', SPEC[right]);
  world.run(3000);
  return { world, a, b };
}

describe('two nodes find each other', () => {
  test.each([
    ['open', 'open', 60],
    ['open', 'easy', 120],
    ['easy', 'easy', 120],
    ['open', 'hard', 120],
    ['hard', 'open', 120],
    ['cone', 'hard', 120],
  ] as const)('%s and %s, directly within %d ms, whoever begins', (left, right, limitMs) => {
    for (const begin of ['a', 'b', 'both']) {
      const { world, a, b } = couple(left, right);
      if (begin !== 'b') a.talkTo(b);
      if (begin !== 'a') b.talkTo(a);
      const [first, second] = begin === 'b' ? [b, a] : [a, b];
      // One way is 20 ms, over the relay too; an answer, a call and its answers take a few of those.
      const tookMs = world.runUntil(() => first.isDirectTo(second), 10_000);
      expect(tookMs).toBeLessThanOrEqual(limitMs);
      world.run(60_000);
      expect(first.isDirectTo(second)).toBe(true);
    }
  });

  test.each([
    ['easy', 'hard'],
    ['hard', 'easy'],
  ] as const)('%s and %s, by a guessed port within seconds, and lose nothing', (left, right) => {
    const { world, a, b } = couple(left, right);
    a.talkTo(b);
    b.talkTo(a);
    const tookMs = world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 10_000);
    expect(tookMs).toBeLessThan(6000);
    for (let second = 0; second < 60; second++) {
      world.run(1000);
      expect([a.isDirectTo(b), b.isDirectTo(a)]).toEqual([true, true]);
    }
    const traffic = b.plane.trafficFrom(a.key);
    expect(a.plane.sentTo(b.key) - traffic.received).toBeLessThanOrEqual(1);
    expect(traffic.longestGapMs).toBeLessThan(150);
    expect(a.changes.map(({ cause }) => cause)).toEqual(['activity', 'pong']);
  });

  test('hard and hard stay on the relay and lose nothing', () => {
    const { world, a, b } = couple('hard', 'hard');
    a.talkTo(b);
    b.talkTo(a);
    world.run(1000);
    for (let second = 0; second < 120; second++) {
      world.run(1000);
      expect([a.pathsTo(b), b.pathsTo(a)]).toEqual(['relay(900)', 'relay(900)']);
    }
    const traffic = b.plane.trafficFrom(a.key);
    expect(a.plane.sentTo(b.key) - traffic.received).toBeLessThanOrEqual(1);
    expect(traffic.longestGapMs).toBeLessThan(150);
    expect(a.changes.map(({ cause }) => cause)).toEqual(['activity']);
  });

  test('on one LAN behind a NAT without hairpin, by their private addresses', () => {
    const world = new World(3);
    world.addRelay(900);
    const a = world.addNode('a', { nat: hardNat });
    const b = world.addNode('b', { besides: a });
    world.run(3000);
    a.talkTo(b);
    expect(world.runUntil(() => a.isDirectTo(b), 1000)).toBeLessThan(5);
    expect(a.pathsTo(b)).toBe(`${b.place.address}:41641`);
  });

  test('no packet is lost on the way from the relay to the direct path', () => {
    const { world, a, b } = couple('easy', 'easy');
    a.talkTo(b, 5);
    world.run(20_000);
    const traffic = b.plane.trafficFrom(a.key);
    expect(a.plane.sentTo(b.key) - traffic.received).toBeLessThanOrEqual(5);
    expect(traffic.longestGapMs).toBeLessThan(30);
  });

  test('once direct, the relay carries none of their data', () => {
    const { world, a, b } = couple('easy', 'easy');
    a.talkTo(b);
    b.talkTo(a);
    world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 1000);
    world.run(100);
    const relay = world.relays.get(900);
    const before = relay?.frames(a.key, b.key).data;
    world.run(60_000);
    expect(relay?.frames(a.key, b.key).data).toBe(before);
  });

  test('many peers at once, each on its own', () => {
    const world = new World(9);
    world.addRelay(900);
    const kinds: Kind[] = ['open', 'easy', 'easy', 'hard', 'open', 'hard'];
    const nodes = kinds.map((kind, i) => world.addNode(`n${i}`, SPEC[kind]));
    world.run(3000);
    for (const a of nodes) for (const b of nodes) if (a !== b) a.talkTo(b, 500);
    world.run(10_000);
    for (const [i, a] of nodes.entries()) {
      for (const [j, b] of nodes.entries()) {
        if (i === j) continue;
        const pair = [kinds[i], kinds[j]];
        const expected = pair.includes('open') || !pair.includes('hard');
        expect([i, j, a.isDirectTo(b)]).toEqual([i, j, expected]);
      }
    }
  });
});

describe('what each side learns of itself', () => {
  test('an easy NAT: one public endpoint that does not vary', () => {
    const { a } = couple('easy', 'open');
    expect(a.netInfo).toMatchObject({ mappingVariesByDestIp: false, workingUdp: true });
    expect(a.endpoints.map(({ endpoint, type }) => `${endpoint} ${type}`)).toEqual([
      '203.0.113.1:41641 2',
      '192.168.1.20:41641 1',
    ]);
  });

  test('a hard NAT: a mapping that varies, and a guess at a forwarded port', () => {
    const { a } = couple('hard', 'open');
    expect(a.netInfo?.mappingVariesByDestIp).toBe(true);
    expect(a.endpoints.map(({ type }) => type)).toEqual([2, 4, 1]);
    expect(a.endpoints[1]?.endpoint).toBe('203.0.113.1:41641');
  });

  test('the nearest relay is home, and peers hear of it', () => {
    const { world, a, b } = couple('easy', 'easy');
    expect([a.netInfo?.homeRegion, b.netInfo?.homeRegion]).toEqual([900, 900]);
    expect(world.netmapFor(a).peers.get(2)?.homeRegion).toBe(900);
    expect(a.engine.status(world.now)).toMatchObject({
      homeRegion: 900,
      udpPort: 41_641,
      relays: [{ regionId: 900, state: 'connected' }],
    });
  });

  test('nothing changes while nothing changes: control hears each thing once', () => {
    const { world, a } = couple('easy', 'easy');
    world.run(600_000);
    expect(a.outputs.get('endpoints')).toBe(1);
    expect(a.outputs.get('net-info')).toBe(1);
  });

  test('pongs tell how peers see us', () => {
    const { world, a, b } = couple('hard', 'open');
    a.talkTo(b);
    world.run(1000);
    const [sample] = a.engine.status(world.now).observed;
    expect(sample?.peer).toBe(b.key);
    expect(b.pathsTo(a)).toContain(sample?.observed ?? 'nothing observed');
  });
});

describe('idle peers', () => {
  test('cost nothing: no pings, no open relay but home', () => {
    const { world, a, b } = couple('easy', 'easy');
    a.talkTo(b);
    world.run(10_000);
    a.hushTo(b);
    world.run(120_000);
    world.keepLog = true;
    world.run(60_000);
    const between = world.log.filter((line) => line.includes('udp 203.0.113'));
    expect(between.filter((line) => !line.includes(':3478'))).toEqual([]);
  });

  test('a connection to a far relay is closed a minute after its last packet', () => {
    const world = new World(4);
    world.addRelay(900, 5);
    world.addRelay(901, 60);
    const a = world.addNode('a', { nat: hardNat });
    const b = world.addNode('b', { nat: hardNat, accessMs: 10 });
    world.run(3000);
    // Peers of another home: b's relay is region 901 as far as a knows.
    const netmap = world.netmapFor(a);
    const peer = netmap.peers.get(2);
    if (peer === undefined) throw new Error('b is missing');
    a.setNetmap({ ...netmap, peers: new Map([[2, { ...peer, homeRegion: 901 }]]) });
    world.controlUp = false;
    a.talkTo(b);
    world.run(5000);
    a.hushTo(b);
    const regions = (): number[] =>
      a.engine.status(world.now).relays.map(({ regionId }) => regionId);
    expect(regions()).toEqual([900, 901]);
    world.run(130_000);
    expect(regions()).toEqual([900]);
  });
});

test("a person's ping goes over the relay first and directly later, and says so", () => {
  const { world, a, b } = couple('easy', 'easy');
  a.ping(b, 1);
  world.run(1000);
  a.ping(b, 2);
  world.run(1000);
  expect(a.pingResults.map(({ result }) => result)).toEqual([
    { outcome: 'pong', path: { kind: 'relay', regionId: 900 }, latencyMs: expect.any(Number) },
    {
      outcome: 'pong',
      path: { kind: 'direct', socketId: 1, remote: '203.0.113.2:41641' },
      latencyMs: expect.closeTo(40.4, 0),
    },
  ]);
});
