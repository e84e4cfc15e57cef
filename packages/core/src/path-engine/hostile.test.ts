/** What strangers and hostile peers send is counted, changes nothing and grows nothing. */
import { concatBytes } from '@warren/core/base/bytes';
import { bitFlips } from '@warren/core/base/mutations';
import { encodeCallMeMaybe, encodePing, encodePong } from '@warren/core/disco/messages';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { generatePrivateKey, type NodeKey } from '@warren/core/keys/keys';
import type { PathEngineInput } from '@warren/core/path-engine/io';
import { Attack, FAR, targets } from '@warren/core/path-engine/testing/attack';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';

describe('disco from the network', () => {
  let attack: Attack;
  beforeEach(() => {
    attack = new Attack();
  });

  test('with a key that nobody has is dropped before any cryptography', () => {
    for (let i = 0; i < 20; i++) {
      const stranger = generatePrivateKey('disco', attack.random);
      expect(attack.udp(attack.seal(attack.ping(), stranger))).toEqual([]);
    }
    expect(attack.count('disco-unknown-sender')).toBe(20);
  });

  test('with any bit flipped is dropped and counted', () => {
    let flipped = 0;
    for (const bytes of bitFlips(attack.seal(attack.ping()))) {
      expect(attack.udp(bytes)).toEqual([]);
      flipped++;
    }
    const counted = ['disco-malformed', 'disco-unknown-sender', 'disco-forged'];
    expect(counted.reduce((sum, name) => sum + attack.count(name), 0)).toBe(flipped);
  });

  test('a ping is answered once; again it is a duplicate, from elsewhere a replay', () => {
    const ping = attack.seal(attack.ping());
    expect(targets(attack.udp(ping))).toContain(FAR);
    expect(attack.udp(ping)).toEqual([]);
    expect(attack.udp(ping, '203.0.113.66:666' as Endpoint)).toEqual([]);
    expect([attack.count('ping-duplicate'), attack.count('ping-replayed')]).toEqual([1, 1]);
  });

  test('a ping cannot move data, nor speak for another node', () => {
    attack.victim.talkTo(attack.good);
    attack.world.run(1000);
    const before = attack.victim.pathsTo(attack.good);
    attack.udp(attack.seal(encodePing(attack.transactionId(), attack.good.key)));
    attack.world.run(100);
    expect(attack.victim.pathsTo(attack.good)).toBe(before);
  });

  test('pongs to pings that were never sent prove nothing', () => {
    attack.victim.talkTo(attack.evil);
    attack.world.run(1000);
    for (let i = 0; i < 50; i++) {
      attack.udp(attack.seal(encodePong(attack.transactionId(), FAR)));
    }
    expect(attack.count('pong-unknown')).toBe(50);
    expect(attack.victim.pathsTo(attack.evil)).not.toContain('203.0.113.200');
  });

  test('pings from 3,600 addresses are remembered up to a limit and asked at a limited rate', () => {
    attack.victim.talkTo(attack.evil);
    attack.world.run(1000);
    const asked = new Map<Endpoint, number>();
    for (let i = 0; i < 3600; i++) {
      const source = `203.0.113.200:${1000 + i}` as Endpoint;
      for (const target of targets(attack.udp(attack.seal(attack.ping()), source))) {
        asked.set(target, (asked.get(target) ?? 0) + 1);
      }
    }
    // Every ping draws its pong; beyond those only a burst of pings of ours.
    const extra = [...asked.values()].reduce((sum, count) => sum + count, 0) - 3600;
    expect(extra).toBeLessThanOrEqual(40);
    expect(attack.count('triggered-ping-held-back')).toBeGreaterThan(3500);
  });
});

describe('disco over a relay', () => {
  let attack: Attack;
  beforeEach(() => {
    attack = new Attack();
  });

  test('counts only from the peer whose key sealed it', () => {
    const call = attack.seal(encodeCallMeMaybe([FAR]));
    expect(attack.relay(call, attack.good.key)).toEqual([]);
    expect(attack.count('disco-relay-source-mismatch')).toBe(1);
    expect(attack.relay(call, 'ab'.repeat(32) as NodeKey)).toEqual([]);
    expect(attack.count('relay-unknown-peer')).toBe(1);
  });

  test('a call may not come by UDP', () => {
    expect(attack.udp(attack.seal(encodeCallMeMaybe([FAR])))).toEqual([]);
    expect(attack.count('call-me-maybe-not-over-relay')).toBe(1);
  });

  test('a call with 3,600 addresses makes us ping 32, and a flood of calls three times that', () => {
    const inner = new Uint8Array(2 + 18 * 3600);
    inner[0] = 3;
    for (let i = 0; i < 3600; i++) {
      const address = encodeCallMeMaybe([`203.0.113.200:${1000 + i}` as Endpoint]).subarray(2);
      inner.set(address, 2 + 18 * i);
    }
    const pinged: Endpoint[] = [];
    for (let i = 0; i < 20; i++) {
      pinged.push(...targets(attack.relay(attack.seal(inner), attack.evil.key)));
    }
    expect(new Set(pinged).size).toBeLessThanOrEqual(33);
    expect(pinged.length).toBeLessThanOrEqual(3 * 33);
    expect(attack.count('call-me-maybe-over-limit')).toBe(20 * (3600 - 32));
    expect(attack.count('call-me-maybe-too-often')).toBe(17);
  });

  test('a call cannot aim us at ourselves, our tunnel, multicast or loopback', () => {
    const bad = [
      '127.0.0.1:22',
      '224.0.0.251:5353',
      '255.255.255.255:9',
      '0.0.0.0:1',
      '100.64.0.2:41641',
      '[fe80::1]:41641',
      `${attack.victim.place.address}:41641`,
    ] as Endpoint[];
    const pinged = targets(attack.relay(attack.seal(encodeCallMeMaybe(bad)), attack.evil.key));
    for (const target of bad) expect(pinged).not.toContain(target);
  });

  test('rubbish behind a valid key is neither answered nor kept', () => {
    for (let length = 0; length < 200; length++) {
      const inner = attack.random.fill(new Uint8Array(length));
      inner[0] = length % 12;
      attack.udp(attack.seal(inner));
    }
    const { counters } = attack.victim.engine.status(attack.world.now);
    expect(counters['disco-unknown-type']).toBeGreaterThan(0);
    expect(counters['disco-too-short']).toBeGreaterThan(0);
  });
});

test('under all of this the good peer keeps its path', () => {
  const attack = new Attack();
  attack.victim.talkTo(attack.good);
  attack.good.setNetmap(attack.world.netmapFor(attack.good));
  attack.good.talkTo(attack.victim);
  attack.world.run(2000);
  expect(attack.victim.isDirectTo(attack.good)).toBe(true);
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 20; i++) {
      const port = 1000 + attack.random.below(60_000);
      attack.udp(attack.seal(attack.ping()), `203.0.113.200:${port}` as Endpoint);
      attack.relay(
        attack.seal(encodeCallMeMaybe([`203.0.113.201:${port}` as Endpoint])),
        attack.evil.key,
      );
    }
    attack.world.run(1000);
    expect(attack.victim.isDirectTo(attack.good)).toBe(true);
  }
});

test('no input from outside throws, whatever it is', () => {
  const attack = new Attack();
  const bytes = fc.uint8Array({ maxLength: 300 });
  const magic = fc.constantFrom(
    new Uint8Array(),
    Uint8Array.of(0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac),
    Uint8Array.of(1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42),
    attack.seal(attack.ping()).subarray(0, 62),
  );
  const packet = fc.tuple(magic, bytes).map(([start, rest]) => concatBytes(start, rest));
  const region = fc.integer({ min: -1, max: 902 });
  const source = fc.constantFrom(attack.evil.key, attack.good.key, 'ab'.repeat(32) as NodeKey);
  const remote = fc.constantFrom(FAR, '0.0.0.0:0' as Endpoint, '[ff02::1]:9' as Endpoint);
  const address = fc.constantFrom('203.0.113.1', '::1', 'fe80::1') as fc.Arbitrary<IpAddress>;
  const datagram = fc.record({
    type: fc.constant('datagram' as const),
    kind: fc.constantFrom('disco' as const, 'stun' as const),
    socketId: fc.integer({ min: -1, max: 9 }),
    source: remote,
    bytes: packet,
    receivedAt: fc.constant(attack.world.now),
  });
  const input: fc.Arbitrary<PathEngineInput> = fc.oneof(
    datagram.map((message) => ({ type: 'up' as const, message })),
    fc.record({ type: fc.constant('relay-packet' as const), regionId: region, source, packet }),
    fc.record({ type: fc.constant('relay-peer-gone' as const), regionId: region, peer: source }),
    fc.record({ type: fc.constant('relay-connected' as const), regionId: region }),
    fc.record({
      type: fc.constant('relay-closed' as const),
      regionId: region,
      reason: fc.string(),
    }),
    fc.record({
      type: fc.constant('resolved' as const),
      host: fc.string(),
      addresses: fc.array(address),
    }),
  );
  fc.assert(
    fc.property(fc.array(input), (inputs) => {
      const { engine } = attack.victim;
      for (const next of inputs) {
        engine.handle(next, attack.world.now);
        while (engine.poll() !== undefined);
      }
    }),
    { numRuns: 300 },
  );
});
