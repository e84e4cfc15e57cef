import { instant } from '@warren/core/base/instant';
import { arbitraryHome, chooseHome, LatencyHistory } from '@warren/core/netcheck/home-region';
import { expect, test } from 'vitest';

const A = 1;
const B = 2;
const now = instant(1_000_000);

interface Vector {
  readonly name: string;
  readonly aMs: number | undefined;
  readonly bMs: number | undefined;
  readonly heardAgoMs: number | undefined;
  readonly home: number | undefined;
}

/** Made up for Warren's protocol notes after Tailscale's rules; the previous home is A. */
const VECTORS: Vector[] = [
  { name: 'a gain of 8 ms stays', aMs: 20, bMs: 12, heardAgoMs: undefined, home: A },
  { name: 'a gain below a third stays', aMs: 40, bMs: 28, heardAgoMs: undefined, home: A },
  { name: 'a gain of more than a third moves', aMs: 40, bMs: 26, heardAgoMs: undefined, home: B },
  { name: 'silent but heard 5 s ago stays', aMs: undefined, bMs: 10, heardAgoMs: 5000, home: A },
  { name: 'heard 30 s ago moves', aMs: undefined, bMs: 10, heardAgoMs: 30_000, home: B },
  {
    name: 'nothing answers, heard 90 s ago stays',
    aMs: undefined,
    bMs: undefined,
    heardAgoMs: 90_000,
    home: A,
  },
  {
    name: 'nothing answers or was heard',
    aMs: undefined,
    bMs: undefined,
    heardAgoMs: 130_000,
    home: undefined,
  },
];

test.each(VECTORS)('$name', ({ aMs, bMs, heardAgoMs, home }) => {
  const currentMs = new Map<number, number>();
  if (aMs !== undefined) currentMs.set(A, aMs);
  if (bMs !== undefined) currentMs.set(B, bMs);
  const chosen = chooseHome({
    previous: A,
    currentMs,
    recentMs: currentMs,
    reportStartedAt: instant(now - 100),
    previousHeardAt: heardAgoMs === undefined ? undefined : instant(now - heardAgoMs),
    now,
  });
  expect(chosen).toBe(home);
});

test('one slow sample of home does not move it: the best of five minutes counts', () => {
  const history = new LatencyHistory();
  history.add(
    instant(0),
    new Map([
      [A, 10],
      [B, 30],
    ]),
  );
  const currentMs = new Map([
    [A, 200],
    [B, 30],
  ]);
  history.add(instant(20_000), currentMs);
  const question = {
    previous: A,
    currentMs,
    recentMs: history.best(),
    reportStartedAt: instant(19_000),
    previousHeardAt: undefined,
    now: instant(20_000),
  };
  expect(chooseHome(question)).toBe(A);
  for (let at = 40_000; at <= 400_000; at += 20_000) history.add(instant(at), currentMs);
  expect(chooseHome({ ...question, recentMs: history.best(), now: instant(400_000) })).toBe(B);
});

test('the first home is the nearest, ties by number', () => {
  const currentMs = new Map([
    [7, 20],
    [3, 20],
    [9, 25],
  ]);
  const question = { previous: undefined, currentMs, recentMs: currentMs, now };
  expect(chooseHome({ ...question, reportStartedAt: now, previousHeardAt: undefined })).toBe(3);
});

test('an arbitrary home is stable and spread', () => {
  expect(arbitraryHome([], 5)).toBeUndefined();
  expect(arbitraryHome([30, 10, 20], 4)).toBe(arbitraryHome([10, 20, 30], 4));
  expect(new Set([0, 1, 2].map((seed) => arbitraryHome([10, 20, 30], seed))).size).toBe(3);
});
