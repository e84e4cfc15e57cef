import { expect, test } from 'vitest';
import type { Notes } from './fleet/protocol.js';
import { Hearing } from './hearing.js';
import { groupsPlan } from './network-plan.js';

/** Four groups of three: 0, 4 and 8 see each other. */
const plan = groupsPlan('x@', 12, 3);

function notes(sent: readonly (readonly [number, number])[], arrived: [number, number[]][]): Notes {
  return {
    sent,
    arrived: new Map(arrived.map(([change, list]) => [change, Float64Array.from(list)])),
    ...{ broken: {}, whole: 12, delayP99Ms: 3, delayMaxMs: 4, load: 0.5, residentMB: 9 },
  };
}

test('a change is there when the last permitted peer has it, whichever process noted it', () => {
  const hearing = new Hearing(
    plan,
    new Map([
      [7, 0],
      [8, 4],
    ]),
  );
  expect(hearing.missing).toBe(4);
  hearing.take(
    notes(
      [[7, 100]],
      [
        [7, [4, 110]],
        [8, [0, 205]],
      ],
    ),
  );
  expect(hearing.missing).toBe(2);
  hearing.take({
    ...notes(
      [[8, 200]],
      [
        [7, [8, 130]],
        [8, [8, 206]],
      ],
    ),
    delayMaxMs: 40,
  });
  expect(hearing.figures()).toMatchObject({
    ...{ lastP50Ms: 30, lastMaxMs: 30, eachP50Ms: 10, missing: 0, needless: 0 },
    fleet: { delayP99Ms: 3, delayMaxMs: 40, load: 0.5 },
  });
});

test('who may not see it, and who said it, are told needlessly; changes of before are none', () => {
  const hearing = new Hearing(plan, new Map([[7, 0]]));
  hearing.take(
    notes(
      [[7, 100]],
      [
        [7, [4, 110, 5, 111, 0, 112]],
        [6, [4, 101]],
      ],
    ),
  );
  expect(hearing.figures()).toMatchObject({ missing: 1, needless: 2, lastMaxMs: 10 });
});

test('who hears of a later change of the same node has heard of those before', () => {
  const speakers = new Map([
    [7, 0],
    [8, 4],
    [9, 0],
    [10, 0],
  ]);
  const hearing = new Hearing(plan, speakers);
  const sent = [7, 8, 9, 10].map((change) => [change, 100 * change] as const);
  hearing.take(
    notes(sent, [
      [7, [4, 710]],
      [8, [0, 805, 8, 806]],
    ]),
  );
  expect(hearing.missing).toBe(5);
  hearing.take(notes([], [[10, [4, 1015, 8, 1030]]]));
  // Node 8 had the first of node 0 only with the last, 330 ms after it was said.
  expect(hearing.figures()).toMatchObject({ missing: 0, needless: 0, lastMaxMs: 330 });
});
