import { type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Endpoint } from '@warren/core/ip/address';
import { describe, expect, test } from 'vitest';
import { socket } from '../topology/literals.js';
import { NAT_PROFILES, type NatProfile } from '../topology/types.js';
import { Balancer } from './balancer.js';
import type { NatBehaviour } from './behaviour.js';
import { StatefulFirewall } from './firewall.js';
import { Nat } from './nat.js';
import { natBehaviours, natVariations } from './profiles.js';

const inner = socket('192.168.1.10:5000');
/** Two addresses with two ports each, as a prober has them. */
const [a, a2, b, b2] = ['9.9.9.1:1', '9.9.9.1:2', '9.9.9.2:1', '9.9.9.2:2'].map(socket) as [
  Endpoint,
  Endpoint,
  Endpoint,
  Endpoint,
];
const start = instant(0);

const natOf = (behaviour: NatBehaviour, seed = 1): Nat =>
  new Nat(behaviour, new SeededRandom(seed));

const outerPort = (nat: Nat, from: Endpoint, to: Endpoint, now: Instant): number | undefined =>
  nat.outbound(from, to, now)?.port;

/** Who gets what arrives. */
const receiver = (nat: Nat, port: number, from: Endpoint, now: Instant): Endpoint | undefined =>
  nat.inbound(port, from, now)?.inner;

/** The ports that four remotes see, in the classes of RFC 4787. */
function mappingOf(nat: Nat): string {
  const [seenA, seenA2, seenB, seenB2] = [a, a2, b, b2].map((to) =>
    outerPort(nat, inner, to, start),
  );
  if (seenA === seenA2 && seenA === seenB && seenA === seenB2) return 'EIM';
  if (seenA === seenA2 && seenB === seenB2) return 'ADM';
  return 'APDM';
}

/** Who gets in after one packet to A, in the classes of RFC 4787. */
function filteringOf(nat: Nat): string {
  const port = outerPort(nat, inner, a, start) ?? 0;
  expect(receiver(nat, port, a, start)).toBe(inner);
  if (receiver(nat, port, b, start) === inner) return 'EIF';
  return receiver(nat, port, a2, start) === inner ? 'ADF' : 'APDF';
}

/** As measured on the real ones: mapping, filtering, and whether the inner port is kept. */
const measured: Readonly<Record<Exclude<NatProfile, 'udp-blocked'>, string>> = {
  easy: 'EIM APDF kept',
  'easy-range': 'EIM APDF other',
  hard: 'APDM APDF other',
  'hard-range': 'APDM APDF other',
  'hard-pool': 'APDM APDF other',
  'port-block': 'APDM APDF other',
  'port-parity': 'APDM APDF other',
  'full-cone': 'EIM EIF kept',
  'restricted-cone': 'EIM ADF kept',
  'cone-other-ports': 'EIM EIF other',
  sequential: 'APDM APDF other',
  'address-dependent': 'ADM APDF other',
  'address-dependent-loose': 'ADM ADF other',
  'one-to-one': 'EIM EIF kept',
  'one-to-one-firewalled': 'EIM APDF kept',
};

describe('each profile behaves as the real NAT of its name was measured to', () => {
  test.each(Object.entries(measured))('%s: %s', (name, expected) => {
    const behaviour = natBehaviours[name as NatProfile];
    const port = outerPort(natOf(behaviour), inner, a, start);
    const kept = port === 5000 ? 'kept' : 'other';
    expect(`${mappingOf(natOf(behaviour))} ${filteringOf(natOf(behaviour))} ${kept}`).toBe(
      expected,
    );
  });

  test('and there is none without a measurement', () => {
    expect([...Object.keys(measured), 'udp-blocked'].sort()).toEqual([...NAT_PROFILES].sort());
    expect(natBehaviours['udp-blocked'].udp).toBe(false);
  });
});

test('a sequential NAT takes one port after the other', () => {
  const nat = natOf(natBehaviours.sequential);
  const ports = [a, a2, b, b2].map((to) => outerPort(nat, inner, to, start));
  expect(ports).toEqual([40_000, 40_001, 40_002, 40_003]);
});

test('two hosts with one port share it until they meet at one remote', () => {
  const nat = natOf(natBehaviours.easy);
  const neighbour = socket('192.168.1.11:5000');
  expect(outerPort(nat, inner, a, start)).toBe(5000);
  expect(outerPort(nat, neighbour, b, start)).toBe(5000);
  const other = outerPort(nat, neighbour, a, start);
  expect(other).not.toBe(5000);
  expect(receiver(nat, 5000, a, start)).toBe(inner);
  expect(receiver(nat, other ?? 0, a, start)).toBe(neighbour);
});

test('a NAT of port parity gives even ports to even ones, from all that there are', () => {
  const nat = natOf(natBehaviours['port-parity']);
  const ports = Array.from({ length: 400 }, (_, index) => {
    const port = outerPort(nat, socket(`192.168.1.10:${5000 + index}`), a, start) ?? 0;
    expect(port % 2).toBe(index % 2);
    return port;
  });
  expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(60_000);
});

test('a block of ports is 512 of them, and all are used', () => {
  const nat = natOf(natBehaviours['port-block']);
  const ports = Array.from(
    { length: 512 },
    (_, index) => outerPort(nat, inner, socket(`9.9.9.1:${1000 + index}`), start) ?? 0,
  );
  expect(Math.floor(Math.min(...ports) / 512)).toBe(Math.floor(Math.max(...ports) / 512));
  expect(new Set(ports).size).toBeGreaterThan(300);
});

test('a NAT with a pool takes any of its addresses for a new flow, and lets in at that one alone', () => {
  const nat = new Nat(natBehaviours['hard-pool'], new SeededRandom(1), { places: 4 });
  const places = new Set<number>();
  for (let index = 0; index < 100; index++) {
    const remote = socket(`9.9.9.1:${1000 + index}`);
    const leaving = nat.outbound(inner, remote, start);
    if (leaving === undefined) throw new Error('there is room');
    places.add(leaving.place);
    for (const place of [0, 1, 2, 3]) {
      const arriving = nat.inbound(leaving.port, remote, start, place);
      expect(arriving?.inner).toBe(place === leaving.place ? inner : undefined);
    }
    expect(nat.outbound(inner, remote, start)).toEqual(leaving);
  }
  expect([...places].sort()).toEqual([0, 1, 2, 3]);
});

describe('a flow is forgotten', () => {
  const at = (ms: number): Instant => instant(ms);

  test('30 s after its last packet while nobody has answered, 120 s after that', () => {
    const nat = natOf(natBehaviours.easy);
    outerPort(nat, inner, a, at(0));
    expect(receiver(nat, 5000, a, at(29_999))).toBe(inner);
    expect(receiver(nat, 5000, a, at(149_998))).toBe(inner);
    expect(receiver(nat, 5000, a, at(269_998))).toBeUndefined();
    outerPort(nat, inner, b, at(300_000));
    expect(receiver(nat, 5000, b, at(330_000))).toBeUndefined();
  });

  test('after seconds by a router with short timeouts', () => {
    const nat = natOf({ ...natBehaviours.hard, ...natVariations['short-timeouts'] });
    const before = outerPort(nat, inner, a, at(0));
    expect(outerPort(nat, inner, a, at(1_999))).toBe(before);
    expect(outerPort(nat, inner, a, at(3_999))).not.toBe(before);
  });

  test('when the router is switched off and on', () => {
    const nat = natOf(natBehaviours.hard);
    const before = outerPort(nat, inner, a, start);
    nat.reboot();
    expect(receiver(nat, before ?? 0, a, start)).toBeUndefined();
    expect(outerPort(nat, inner, a, start)).not.toBe(before);
  });
});

test('a full table drops new flows and keeps the old ones', () => {
  const nat = natOf({ ...natBehaviours.easy, ...natVariations['tiny-table'] });
  const remotes = Array.from({ length: 20 }, (_, index) => socket(`9.9.8.${index + 1}:1`));
  const mapped = remotes.filter((to) => outerPort(nat, inner, to, start) !== undefined);
  expect(mapped).toHaveLength(natVariations['tiny-table'].flowsMax);
  expect(outerPort(nat, inner, remotes[0] ?? a, start)).toBe(5000);
  expect(outerPort(nat, inner, a, instant(31_000))).toBe(5000);
});

test('a range without a free port drops', () => {
  const ports = { kind: 'random', low: 40_000, high: 40_001 } as const;
  const nat = natOf({ ...natBehaviours.hard, ports });
  const neighbours = [10, 11, 12].map((host) => socket(`192.168.1.${host}:5000`));
  const mapped = neighbours.map((from) => outerPort(nat, from, a, start));
  expect(new Set(mapped)).toEqual(new Set([40_000, 40_001, undefined]));
});

test('a stateful firewall lets in whom its host has sent to', () => {
  const firewall = new StatefulFirewall();
  const local = socket('[2001:db8::1]:41641');
  const remote = socket('[2001:db8::2]:41641');
  expect(firewall.admits(local, remote, start)).toBe(false);
  firewall.outbound(local, remote, start);
  expect(firewall.admits(local, remote, start)).toBe(true);
  expect(firewall.admits(local, socket('[2001:db8::2]:41642'), start)).toBe(false);
  expect(firewall.admits(local, remote, instant(120_001))).toBe(false);
});

test('a load balancer claims the answers of its machine, and nothing else that it sends', () => {
  const balancer = new Balancer(socket('35.80.4.21:41641'), socket('10.0.3.10:41641'));
  expect(balancer.claims(balancer.inner, a, start)).toBe(false);
  expect(balancer.inbound(a, start)).toBe(balancer.inner);
  expect(balancer.claims(balancer.inner, a, start)).toBe(true);
  expect(balancer.claims(balancer.inner, b, start)).toBe(false);
  expect(balancer.claims(socket('10.0.3.10:5000'), a, start)).toBe(false);
  expect(balancer.claims(balancer.inner, a, instant(120_001))).toBe(false);
});

test('who lost a port to a neighbour once keeps the other one', () => {
  const nat = natOf(natBehaviours.easy);
  const neighbour = socket('192.168.1.11:5000');
  outerPort(nat, inner, a, start);
  const other = outerPort(nat, neighbour, a, start);
  expect(outerPort(nat, neighbour, b, start)).toBe(other);
});

test('privileged ports stay privileged where no range is configured', () => {
  const low = socket('192.168.1.10:500');
  const high = socket('192.168.1.10:700');
  const remotes = Array.from({ length: 50 }, (_, index) => socket(`9.9.8.${index + 1}:1`));
  const nat = natOf(natBehaviours.hard);
  for (const remote of remotes) {
    expect(outerPort(nat, low, remote, start)).toBeLessThan(512);
    const port = outerPort(nat, high, remote, start);
    expect(port).toBeGreaterThanOrEqual(600);
    expect(port).toBeLessThan(1024);
  }
});

describe("other people's flows", () => {
  const busy = (behaviour: NatBehaviour, crossTrafficPerSecond: number): Nat =>
    new Nat(behaviour, new SeededRandom(3), { crossTrafficPerSecond });

  test('take the next ports of a NAT that counts, at their rate', () => {
    const nat = busy(natBehaviours.sequential, 10);
    const first = outerPort(nat, inner, a, start) ?? 0;
    const second = outerPort(nat, inner, b, instant(10_000)) ?? 0;
    expect(second - first).toBeGreaterThan(60);
    expect(second - first).toBeLessThan(140);
  });

  test('fill a small table, and leave it when they expire', () => {
    const crowded = busy({ ...natBehaviours.easy, flowsMax: 100 }, 100);
    expect(outerPort(crowded, inner, a, instant(5_000))).toBeUndefined();
    const roomy = busy({ ...natBehaviours.easy, flowsMax: 100 }, 1);
    expect(outerPort(roomy, inner, a, instant(60_000))).toBe(5000);
    expect(roomy.size).toBeLessThan(60);
  });
});
