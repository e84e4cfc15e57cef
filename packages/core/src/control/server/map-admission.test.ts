import { expect, test } from 'vitest';
import { instant } from '../../base/instant.js';
import { MapAdmission } from './map-admission.js';
import type { MapSession } from './map-session.js';

const waiting = (id: number): MapSession =>
  ({ id, awaitsMap: true, writeDeadline: undefined }) as MapSession;

test('maps are given in the order of asking, a second of them ahead of their rate', () => {
  const admission = new MapAdmission();
  for (let id = 1; id <= 40; id++) admission.enqueue(waiting(id));
  const given: number[] = [];
  const take = (now: number): number => {
    let count = 0;
    for (let next = admission.next(instant(now)); next !== undefined; count++) {
      given.push(next.id);
      admission.charge(9980, instant(now)); // 0.1 s of the rate
      next = admission.next(instant(now));
    }
    return count;
  };
  expect(take(10_000)).toBe(11);
  expect(admission.nextTimeout()).toBe(10_100);
  expect(take(10_099)).toBe(0);
  expect(take(10_100)).toBe(1);
  expect(take(10_500)).toBe(4);
  expect(take(20_000)).toBe(11);
  expect(given).toEqual(given.map((_, index) => index + 1));
  expect(admission.size).toBe(13);
});

test('one whose stream is busy is passed over, one that is gone is forgotten', () => {
  const admission = new MapAdmission();
  const [busy, gone, last] = [waiting(1), waiting(2), waiting(3)];
  busy.writeDeadline = instant(99);
  for (const one of [busy, gone, last]) admission.enqueue(one);
  admission.forget(gone);
  expect(admission.next(instant(0))).toBe(last);
  expect(admission.next(instant(0))).toBeUndefined();
  expect(admission.nextTimeout()).toBeUndefined();
  busy.writeDeadline = undefined;
  expect(admission.next(instant(0))).toBe(busy);
});
