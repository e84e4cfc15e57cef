import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { after, instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { answerableMs, HeldPlans, heldPlansMax, wantedMs } from './held-plans.js';

const start = instant(1000);
const always = (): boolean => true;
const peers = Array.from({ length: heldPlansMax + 1 }, (_, i) => `${i}`.repeat(64) as NodeKey);
const [a, b, c] = peers as [NodeKey, NodeKey, NodeKey];

const plan = (id: string): Parameters<HeldPlans['hold']>[1] => ({
  id,
  theirs: {
    kind: 'scatter',
    isOpenToAddress: false,
    first: '54.160.20.2:1024' as Endpoint,
    step: 1,
    count: 64_512,
  },
});

test('who has waited longest comes first, of those for whom there is room', () => {
  const held = new HeldPlans(new Counters());
  for (const peer of [a, b, c]) held.hold(peer, plan(peer), start);
  expect(held.nextTimeout(() => false)).toBeUndefined();
  expect(held.nextTimeout(always)).toBe(start);
  expect(held.take((peer) => peer !== a, start)).toEqual({ peer: b, plan: plan(b) });
  expect(held.take(always, start)).toEqual({ peer: a, plan: plan(a) });
  expect(held.take(always, start)?.peer).toBe(c);
  expect(held.take(always, start)).toBeUndefined();
  expect(held.nextTimeout(always)).toBeUndefined();
});

test('a newer plan of the same peer takes the place of the older, and keeps its turn', () => {
  const held = new HeldPlans(new Counters());
  held.hold(a, plan('old'), start);
  held.hold(b, plan('b'), start);
  const now = after(start, answerableMs);
  held.hold(a, plan('new'), now);
  expect(held.take(always, now)).toEqual({ peer: a, plan: plan('new') });
});

test('a plan whose asker has given up is late, and one that waits for longer is gone', () => {
  const counters = new Counters();
  const held = new HeldPlans(counters);
  for (const peer of [a, b, c]) held.hold(peer, plan(peer), start);
  expect(held.take(always, after(start, answerableMs - 1))?.plan).toEqual(plan(a));
  expect(held.take(always, after(start, answerableMs))).toEqual({ peer: b, plan: undefined });
  expect(held.take(always, after(start, wantedMs))).toBeUndefined();
  expect(counters.snapshot()).toEqual({
    'port-plan-held': 3,
    'port-plan-held-late': 1,
    'port-plan-held-expired': 1,
  });
});

test('only a few wait, and places of those that are gone are free again', () => {
  const held = new HeldPlans(new Counters());
  const taken = peers.map((peer) => held.hold(peer, plan(peer), start));
  expect(taken).toEqual([...peers.slice(1).map(() => true), false]);
  held.forget(a);
  expect(held.hold(peers.at(-1) ?? a, plan('x'), start)).toBe(true);
  held.clear();
  expect(held.take(always, start)).toBeUndefined();
});
