import { expect, test } from 'vitest';
import { type Fate, Fates } from './disturbance.js';

const disturbance = { lost: 0.05, late: 0.2, lateMs: 3 };

function drawn(seed: number): Fate[] {
  const fates = new Fates(disturbance, seed);
  return Array.from({ length: 20_000 }, () => fates.next());
}

test('frames are lost and late as often as wanted', () => {
  const share = (fate: Fate): number => drawn(1).filter((each) => each === fate).length / 20_000;
  expect(share('lost')).toBeCloseTo(0.05, 2);
  expect(share('late')).toBeCloseTo(0.2, 1);
});

test('the same seed loses the same frames, another one others', () => {
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
});

test('a link without disturbance lets everything pass in time', () => {
  const fates = new Fates({ lost: 0, late: 0, lateMs: 0 }, 1);
  expect(new Set(Array.from({ length: 1000 }, () => fates.next()))).toEqual(new Set(['on-time']));
});
