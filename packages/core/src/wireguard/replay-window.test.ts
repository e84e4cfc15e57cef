import { SeededRandom } from '@warren/core/base/seeded-random';
import { REPLAY_WINDOW_SIZE, ReplayWindow } from '@warren/core/wireguard/replay-window';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('the window spans at least 2,048 packets', () => {
  expect(REPLAY_WINDOW_SIZE).toBeGreaterThanOrEqual(2048);
});

test('each counter is accepted once, from zero', () => {
  const window = new ReplayWindow();
  for (const counter of [0, 1, 2, 31, 32, 33, 63, 64]) {
    expect(window.accept(counter)).toBe(true);
    expect(window.accept(counter)).toBe(false);
  }
});

test('looking changes nothing', () => {
  const window = new ReplayWindow();
  expect(window.isFresh(7)).toBe(true);
  expect(window.isFresh(7)).toBe(true);
  expect(window.accept(7)).toBe(true);
  expect(window.isFresh(7)).toBe(false);
});

test('packets reordered by 2,000 all arrive, once', () => {
  const random = new SeededRandom(0x2000);
  const counters = Array.from({ length: 20_000 }, (_, counter) => ({
    counter,
    rank: counter + random.below(2_000),
  }));
  counters.sort((a, b) => a.rank - b.rank);
  const window = new ReplayWindow();
  for (const { counter } of counters) expect(window.accept(counter)).toBe(true);
  for (const { counter } of counters) expect(window.accept(counter)).toBe(false);
});

test('the oldest counter inside the window is accepted, the one before it is not', () => {
  const window = new ReplayWindow();
  const greatest = 1_000_000;
  window.accept(greatest);
  expect(window.accept(greatest - REPLAY_WINDOW_SIZE)).toBe(true);
  expect(window.accept(greatest - REPLAY_WINDOW_SIZE - 1)).toBe(false);
});

test('a jump far ahead forgets all that lies behind the window', () => {
  const window = new ReplayWindow();
  for (let counter = 0; counter < 100; counter++) window.accept(counter);
  const far = 2 ** 45 + 17;
  expect(window.accept(far)).toBe(true);
  for (let counter = 0; counter < 100; counter++) expect(window.accept(counter)).toBe(false);
  expect(window.accept(far - 40)).toBe(true);
  expect(window.accept(far - 40)).toBe(false);
});

test('it agrees with a set that remembers everything', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -300, max: 300 }) },
    {
      weight: 2,
      arbitrary: fc.integer({ min: -2 * REPLAY_WINDOW_SIZE, max: 2 * REPLAY_WINDOW_SIZE }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let greatest = 0;
      let counter = 0;
      for (const by of steps) {
        counter = Math.max(0, counter + by);
        const expected = !seen.has(counter) && counter >= greatest - REPLAY_WINDOW_SIZE;
        expect(window.isFresh(counter)).toBe(expected);
        expect(window.accept(counter)).toBe(expected);
        if (expected) seen.add(counter);
        greatest = Math.max(greatest, counter);
      }
    }),
  );
});
