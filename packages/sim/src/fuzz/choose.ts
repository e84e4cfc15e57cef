/** Choices of a seeded random stream. */
import { assert } from '@warren/core/base/assert';
import type { SeededRandom } from '@warren/core/base/seeded-random';

export function chance(random: SeededRandom, share: number): boolean {
  return random.fraction() < share;
}

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  assert(item !== undefined, 'there is something to choose from');
  return item;
}

/** One of several values, as often as its weight says. */
export function weighted<T>(random: SeededRandom, items: readonly (readonly [T, number])[]): T {
  let left = random.fraction() * items.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [item, weight] of items) {
    left -= weight;
    if (left < 0) return item;
  }
  return pick(random, items)[0];
}

/** At least `low`, below `high`; the short ones are as likely as the long ones (even in logarithm). */
export function between(random: SeededRandom, low: number, high: number): number {
  return low * (high / low) ** random.fraction();
}
