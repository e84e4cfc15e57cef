import type { IpAddress } from '@warren/core/ip/address';
import { easyNat, hardNat } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { describe, expect, test } from 'vitest';

function talking(seed = 1, everyMs = 20): { world: World; a: WorldNode; b: WorldNode } {
  const world = new World(seed);
  world.addRelay(900);
  world.addRelay(901, 25);
  const a = world.addNode('a', { nat: easyNat });
  const b = world.addNode('b', { nat: easyNat });
  world.run(3000);
  a.talkTo(b, everyMs);
  b.talkTo(a, everyMs);
  world.run(10_000);
  expect([a.isDirectTo(b), b.isDirectTo(a)]).toEqual([true, true]);
  return { world, a, b };
}

/** Lets nothing pass between the two but what goes through relays. */
function cutDirect(world: World, ...addresses: string[]): void {
  world.internet.fault = ({ source, target }) =>
    addresses.some((one) => source.startsWith(one)) &&
    addresses.some((one) => target.startsWith(one));
}

describe('a path that dies', () => {
  test('costs well under two seconds of data, because the relay joins in early', () => {
    const { world, a, b } = talking();
    cutDirect(world, '203.0.113.1:', '203.0.113.2:');
    const joined = world.runUntil(() => a.pathsTo(b).includes('relay'), 10_000);
    expect(joined).toBeLessThan(4000);
    world.run(20_000);
    expect([a.pathsTo(b), b.pathsTo(a)]).toEqual(['relay(900)', 'relay(900)']);
    expect(b.plane.trafficFrom(a.key).longestGapMs).toBeLessThan(2000);
    expect(a.plane.trafficFrom(b.key).longestGapMs).toBeLessThan(2000);
  });

  test('is taken again within a round once it lives', () => {
    const { world, a, b } = talking();
    cutDirect(world, '203.0.113.1:', '203.0.113.2:');
    world.run(60_000);
    world.internet.fault = () => false;
    expect(world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 20_000)).toBeLessThan(6000);
  });

  test('in one direction only is left too', () => {
    const { world, a, b } = talking();
    world.internet.fault = ({ source, target }) =>
      source.startsWith('203.0.113.1:') && target.startsWith('203.0.113.2:');
    world.run(15_000);
    expect(a.pathsTo(b)).toBe('relay(900)');
    expect(b.plane.trafficFrom(a.key).longestGapMs).toBeLessThan(5000);
  });

  test('for data but not for pings is recognised, and data takes the relay', () => {
    const { world, a, b } = talking();
    const big = (bytes: Uint8Array): boolean => bytes.length === 48;
    world.internet.fault = ({ bytes }) => big(bytes);
    // There are two direct paths, one after the other.
    world.run(35_000);
    expect([a.pathsTo(b), b.pathsTo(a)]).toEqual(['relay(900)', 'relay(900)']);
    expect(a.changes.at(-1)?.cause).toBe('data-unanswered');
    const gap = b.plane.trafficFrom(a.key).longestGapMs;
    expect(gap).toBeLessThan(14_500);
    world.run(60_000);
    expect(b.plane.trafficFrom(a.key).longestGapMs).toBe(gap);
  });

  test('and a little loss does not make it flap', () => {
    const { world, a, b } = talking(5);
    world.internet.loss = 0.02;
    const before = a.changes.length;
    world.run(120_000);
    expect(a.changes.length - before).toBeLessThan(8);
    const traffic = b.plane.trafficFrom(a.key);
    expect(traffic.received / a.plane.sentTo(b.key)).toBeGreaterThan(0.96);
  });
});

describe('trust', () => {
  test('runs out 6.5 s after the last pong when a node falls idle; the next packet goes both ways', () => {
    const { world, a, b } = talking();
    a.hushTo(b);
    b.hushTo(a);
    world.run(60_000);
    expect(a.pathsTo(b)).toBe('203.0.113.2:41641 + relay(900)');
    const relay = world.relays.get(900);
    const before = relay?.frames(a.key, b.key).data ?? 0;
    a.talkTo(b, 1000);
    world.run(500);
    expect(relay?.frames(a.key, b.key).data).toBe(before + 1);
    expect(a.isDirectTo(b)).toBe(true);
  });
});

describe('NATs', () => {
  test('that reboot are punched anew', () => {
    const { world, a, b } = talking();
    a.place.nat?.reboot();
    b.place.nat?.reboot();
    world.run(15_000);
    expect([a.isDirectTo(b), b.isDirectTo(a)]).toEqual([true, true]);
    expect(b.plane.trafficFrom(a.key).longestGapMs).toBeLessThan(2000);
  });

  // Anywhere between two of the checks that happen by themselves, every 20 to 26 s.
  test.each([0, 6000, 12_000, 18_000])(
    'that get another address (after %i ms) are found out as soon as a path dies of it',
    (afterMs) => {
      const { world, a, b } = talking();
      world.run(afterMs);
      const { nat } = world.place({ nat: easyNat });
      if (nat === undefined) throw new Error('a place behind a NAT has one');
      a.moveRouter(nat);
      world.runUntil(() => !a.isDirectTo(b), 10_000);
      expect(world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 30_000)).toBeLessThan(6000);
      expect(b.pathsTo(a)).toContain(nat.address);
      expect(b.plane.trafficFrom(a.key).longestGapMs).toBeLessThan(4000);
    },
  );

  test('that forget after 30 s of silence are punched anew after a pause', () => {
    const { world, a, b } = talking();
    a.hushTo(b);
    b.hushTo(a);
    world.run(10 * 60_000);
    a.talkTo(b, 20);
    expect(world.runUntil(() => a.isDirectTo(b), 10_000)).toBeLessThan(200);
    world.run(5000);
    const traffic = b.plane.trafficFrom(a.key);
    expect(a.plane.sentTo(b.key) - traffic.received).toBeLessThan(5);
  });
});

describe('roaming', () => {
  test('to another network: data goes on over the relay at once and directly soon after', () => {
    const { world, a, b } = talking();
    const gapBefore = b.plane.trafficFrom(a.key).longestGapMs;
    a.move(world.place({ nat: easyNat }));
    const tookMs = world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 20_000);
    expect(tookMs).toBeLessThan(3000);
    world.run(5000);
    expect(b.pathsTo(a)).toContain(a.place.nat?.address);
    expect(gapBefore).toBeLessThan(50);
    expect(b.plane.trafficFrom(a.key).longestGapMs).toBeLessThan(400);
    expect(a.plane.trafficFrom(b.key).longestGapMs).toBeLessThan(1000);
    expect(a.changes.some(({ cause }) => cause === 'link-changed')).toBe(true);
  });

  test('behind a hard NAT: the relay carries until a port is guessed', () => {
    const { world, a, b } = talking();
    a.move(world.place({ nat: hardNat }));
    world.run(1000);
    expect(a.pathsTo(b)).toBe('relay(900)');
    expect(b.pathsTo(a)).toContain('relay(900)');
    world.run(19_000);
    expect([a.isDirectTo(b), b.isDirectTo(a)]).toEqual([true, true]);
    expect(a.netInfo?.mappingVariesByDestIp).toBe(true);
  });

  test('between two hard NATs: the pair stays on the relay and connected', () => {
    const { world, a, b } = talking();
    a.move(world.place({ nat: hardNat }));
    b.move(world.place({ nat: hardNat }));
    world.run(20_000);
    expect([a.pathsTo(b), b.pathsTo(a)]).toEqual(['relay(900)', 'relay(900)']);
  });

  test('into the LAN of the peer: its private address wins', () => {
    const { world, a, b } = talking();
    a.move(world.place({ besides: b }));
    world.run(10_000);
    expect(a.pathsTo(b)).toBe(`${b.place.address}:41641`);
  });
});

describe('a restart', () => {
  test('of the peer, with a new disco key, heals as soon as the network map tells it', () => {
    const { world, a, b } = talking();
    b.restart();
    b.talkTo(a, 20);
    const tookMs = world.runUntil(() => a.isDirectTo(b) && b.isDirectTo(a), 20_000);
    expect(tookMs).toBeLessThan(1500);
    expect(a.changes.some(({ cause }) => cause === 'disco-key-changed')).toBe(true);
    world.run(10_000);
    expect(a.isDirectTo(b)).toBe(true);
  });

  test('of the relay: connections come back, and data over it too', () => {
    const world = new World(2);
    const relay = world.addRelay(900);
    const a = world.addNode('a', { nat: easyNat });
    const b = world.addNode('b', { nat: hardNat });
    world.run(3000);
    a.talkTo(b, 20);
    world.run(2000);
    relay.stop();
    world.run(3000);
    relay.up = true;
    world.run(10_000);
    const received = b.plane.trafficFrom(a.key).received;
    world.run(1000);
    expect(b.plane.trafficFrom(a.key).received - received).toBeGreaterThanOrEqual(49);
  });
});

describe('home', () => {
  test('moves when its relay goes silent, and peers follow', () => {
    const { world, a, b } = talking();
    const relay = world.relays.get(900);
    if (relay === undefined) throw new Error('no relay');
    relay.stunUp = false;
    relay.stop();
    world.run(60_000);
    expect([a.netInfo?.homeRegion, b.netInfo?.homeRegion]).toEqual([901, 901]);
    a.hushTo(b);
    b.hushTo(a);
    world.run(60_000);
    cutDirect(world, '203.0.113.1:', '203.0.113.2:');
    const received = b.plane.trafficFrom(a.key).received;
    a.talkTo(b, 20);
    world.run(10_000);
    expect(a.pathsTo(b)).toBe('relay(901)');
    expect(b.plane.trafficFrom(a.key).received - received).toBeGreaterThan(450);
  });
});

test('a relay that answers STUN but takes no connection is not home for long', () => {
  const { world, a } = talking();
  world.relays.get(900)?.stop();
  world.run(5000);
  expect(a.netInfo?.homeRegion).toBe(900);
  world.run(10_000);
  expect(a.netInfo?.homeRegion).toBe(901);
  expect(a.engine.status(world.now).relays).toContainEqual({ regionId: 901, state: 'connected' });
});

describe('the network map', () => {
  test('taking a peer away ends everything about it', () => {
    const { world, a, b } = talking();
    world.removed.add(b);
    a.hushTo(b);
    world.tellAll();
    world.run(1000);
    expect(a.plane.peers).toEqual([]);
    expect(a.engine.status(world.now).peers).toEqual([]);
    expect(a.changes.at(-1)).toMatchObject({ to: undefined, cause: 'netmap' });
    world.run(60_000);
    expect(a.engine.status(world.now).counters['disco-unknown-sender']).toBeGreaterThan(0);
  });

  test('adding a peer later works as at the start', () => {
    const { world, a, b } = talking();
    const c = world.addNode('c', { nat: hardNat });
    world.run(3000);
    c.talkTo(a);
    a.talkTo(c);
    expect(world.runUntil(() => c.isDirectTo(a) && a.isDirectTo(c), 10_000)).toBeLessThan(6000);
    expect(a.isDirectTo(b)).toBe(true);
  });
});

test('a move within one NAT keeps strangers out: the old address is not taken for the peer', () => {
  const { world, a, b } = talking();
  const old = a.place;
  a.move(world.place({ nat: easyNat }));
  world.run(10_000);
  const stranger = world.addNode('s', { nat: easyNat });
  stranger.move({ ...old, address: old.address as IpAddress });
  world.run(10_000);
  expect(b.pathsTo(a)).toContain(a.place.nat?.address);
  expect(b.pathsTo(a)).not.toContain(old.nat?.address);
});
