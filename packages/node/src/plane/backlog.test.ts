import { Counters } from '@warren/core/base/counters';
import { expect, test } from 'vitest';
import { Backlog, createSharedBacklog, MAX_WAITING_PACKETS, workOff } from './backlog.js';

test('a receiver that stands still costs packets that are counted; one that goes on gets new ones', () => {
  const shared = createSharedBacklog();
  const counters = new Counters();
  const backlog = new Backlog(shared, counters, 'full');
  const batch = MAX_WAITING_PACKETS / 3;
  expect([1, 2, 3, 4].map(() => backlog.offer(batch))).toEqual([true, true, true, false]);
  expect(counters.get('full')).toBe(batch);
  workOff(shared, batch);
  expect([1, 2].map(() => backlog.offer(batch))).toEqual([true, false]);
});
