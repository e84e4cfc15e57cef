/** The world's own parts: what tests stand on must be right itself. */

import { EventHeap } from '@warren/core/base/event-heap';
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import {
  coneNat,
  easyNat,
  hardNat,
  Nat,
  type NatBehaviour,
} from '@warren/core/path-engine/testing/nat';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

test('events happen by time, and in the order of planning at the same time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
      const heap = new EventHeap();
      const happened: [number, number][] = [];
      for (const [i, at] of times.entries()) {
        heap.plan(instant(at), () => happened.push([at, i]));
      }
      while (heap.size > 0) heap.take().run();
      const expected = times.map((at, i): [number, number] => [at, i]);
      expected.sort(([a, i], [b, j]) => a - b || i - j);
      expect(happened).toEqual(expected);
    }),
  );
});

describe('a NAT', () => {
  const inner = '192.168.1.20:41641' as Endpoint;
  const [server, other] = ['198.51.100.1:3478', '198.51.100.2:3478'] as [Endpoint, Endpoint];
  const make = (behaviour: NatBehaviour): Nat =>
    new Nat('203.0.113.1' as IpAddress, behaviour, new SeededRandom(8));

  test('that is easy shows one port and lets in who was sent to', () => {
    const nat = make(easyNat);
    expect(nat.outbound(inner, server, instant(0))).toBe('203.0.113.1:41641');
    expect(nat.outbound(inner, other, instant(0))).toBe('203.0.113.1:41641');
    expect(nat.inbound(41_641, server, instant(1))).toBe(inner);
    expect(nat.inbound(41_641, '198.51.100.1:9' as Endpoint, instant(1))).toBeUndefined();
  });

  test('that is hard shows a port for each destination', () => {
    const nat = make(hardNat);
    const ports = [server, other].map((remote) => nat.outbound(inner, remote, instant(0)));
    expect(new Set(ports).size).toBe(2);
    expect(ports).not.toContain('203.0.113.1:41641');
    expect(nat.outbound(inner, server, instant(1))).toBe(ports[0]);
  });

  test('that is a cone lets anybody in', () => {
    const nat = make(coneNat);
    nat.outbound(inner, server, instant(0));
    expect(nat.inbound(41_641, '192.0.2.9:9' as Endpoint, instant(1))).toBe(inner);
  });

  test('forgets after its lifetime and when it reboots', () => {
    const nat = make(easyNat);
    nat.outbound(inner, server, instant(0));
    expect(nat.inbound(41_641, server, instant(29_999))).toBe(inner);
    expect(nat.inbound(41_641, server, instant(30_000))).toBeUndefined();
    nat.outbound(inner, server, instant(30_000));
    nat.reboot();
    expect(nat.inbound(41_641, server, instant(30_001))).toBeUndefined();
  });

  test('gives the second host on a port another one', () => {
    const nat = make(easyNat);
    const first = nat.outbound(inner, server, instant(0));
    const second = nat.outbound('192.168.1.21:41641' as Endpoint, server, instant(0));
    expect(second).not.toBe(first);
  });
});
