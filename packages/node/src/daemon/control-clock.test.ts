import { instant, wallTime } from '@warren/core/base/instant';
import { expect, test } from 'vitest';
import { ControlClock } from './control-clock.js';

const HOUR = 3_600_000;

/** A machine's clocks, set by hand. */
function clocks(aheadMs: number) {
  const state = { nowMs: 5000, wallMs: 1_790_000_000_000 + aheadMs };
  const clock = new ControlClock({
    now: () => instant(state.nowMs),
    wall: () => wallTime(state.wallMs),
  });
  clock.tell(wallTime(1_790_000_000_000));
  return { state, clock };
}

test.each([
  [0, undefined],
  [59_000, undefined],
  [-59_000, undefined],
  [61_000, '1 minute ahead of'],
  [-HOUR, '60 minutes behind'],
  [5 * HOUR, '5 hours ahead of'],
] as const)('a clock that is %i ms ahead', (aheadMs, words) => {
  const { clock } = clocks(aheadMs);
  if (words === undefined) expect(clock.sentence()).toBeUndefined();
  else expect(clock.sentence()).toContain(`clock is ${words} the control server`);
});

test('a clock that is set while the daemon runs is noticed, one that goes on is not', () => {
  const { state, clock } = clocks(0);
  state.nowMs += HOUR;
  state.wallMs += HOUR;
  expect(clock.sentence()).toBeUndefined();
  state.wallMs -= HOUR;
  expect(clock.sentence()).toContain('60 minutes behind');
});

test('nothing is said before control has told its time', () => {
  const clock = new ControlClock({ now: () => instant(0), wall: () => wallTime(0) });
  expect(clock.sentence()).toBeUndefined();
});
