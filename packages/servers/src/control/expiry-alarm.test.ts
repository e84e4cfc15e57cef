import { setTimeout as sleep } from 'node:timers/promises';
import { wallTime } from '@warren/core/base/instant';
import { expireNode } from '@warren/core/control/server/node-changes';
import type { ControlState } from '@warren/core/control/server/state';
import { systemClock } from '@warren/shell/clock';
import { expect, test } from 'vitest';
import { fixtureState } from './database/database-fixture.js';
import { ExpiryAlarm } from './expiry-alarm.js';

/** Nodes 1 and 2 end so many milliseconds from now; node 3 of the fixture ended long ago. */
function stateEnding(firstMs: number, secondMs: number): ControlState {
  const wall = systemClock.wall();
  let state = fixtureState();
  for (const [id, inMs] of [
    [1, firstMs],
    [2, secondMs],
  ] as const) {
    const expired = expireNode(state, id, wallTime(Math.ceil(wall + inMs)));
    if (typeof expired === 'string') throw new Error(expired);
    ({ state } = expired);
  }
  return state;
}

test('each expiry is told once, none that is past', async () => {
  let told = 0;
  const alarm = new ExpiryAlarm(systemClock, () => {
    told++;
  });
  alarm.watch(stateEnding(40, 80));
  expect(told).toBe(0);
  while (told < 2) await sleep(5);
  await sleep(100);
  expect(told).toBe(2);
  alarm.close();
});

test('a closed one, and one whose nodes never expire, say nothing', async () => {
  let told = 0;
  const alarm = new ExpiryAlarm(systemClock, () => {
    told++;
  });
  alarm.watch(stateEnding(30, 30));
  alarm.watch(fixtureState());
  await sleep(100);
  alarm.watch(stateEnding(30, 30));
  alarm.close();
  await sleep(100);
  expect(told).toBe(0);
});
