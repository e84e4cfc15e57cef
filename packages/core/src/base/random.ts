/** Numbers out of the {@link Random} port. */
import type { Random } from '../ports.js';
import { viewOf } from './bytes.js';

/** At least 0, below 1; 32 bits of randomness. */
export function randomFraction(random: Random): number {
  return viewOf(random.fill(new Uint8Array(4))).getUint32(0) / 2 ** 32;
}

/** At least `low`, below `high`; for spreading timers. */
export function randomBetween(random: Random, low: number, high: number): number {
  return low + randomFraction(random) * (high - low);
}
