import { instant, wallTime } from '@warren/core/base/instant';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HandshakeClock } from './handshake-clock.js';

test('it is the wall clock as long as that only grows', () => {
  const state = { now: 0, wall: 1_790_000_000_000 };
  const clock = { now: () => instant(state.now), wall: () => wallTime(state.wall) };
  const handshakes = new HandshakeClock(clock, wallTime(0));
  for (const stepMs of [0, 10, 3_600_000]) {
    state.now += 10;
    state.wall += stepMs + 10;
    expect(handshakes.read()).toBe(state.wall);
  }
});

test('it never goes back, nor below where it began, and moves on with time, whatever the wall clock does', () => {
  const step = fc.record({
    elapsedMs: fc.integer({ min: 0, max: 100_000 }),
    wallMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });
  const floor = fc.integer({ min: 0, max: 4_000_000_000_000 });
  fc.assert(
    fc.property(floor, fc.array(step), (floorMs, steps) => {
      const state = { now: 0, wall: 0 };
      const clock = { now: () => instant(state.now), wall: () => wallTime(state.wall) };
      const handshakes = new HandshakeClock(clock, wallTime(floorMs));
      let last = floorMs;
      for (const { elapsedMs, wallMs } of steps) {
        state.now += elapsedMs;
        state.wall = wallMs;
        const time = handshakes.read();
        expect(time).toBeGreaterThanOrEqual(Math.max(last + elapsedMs, wallMs));
        last = time;
      }
    }),
  );
});
