/** Whether a process's memory stays where it is, seen from samples over a long run. */
import { quantile } from '../figures/statistics.js';

export interface MemoryReport {
  /** Medians of the four quarters of the run, in bytes. */
  readonly quarters: readonly number[];
  readonly max: number;
  /** By how much the last quarter is above the second; the first belongs to warming up. */
  readonly growthBytes: number;
  readonly isFlat: boolean;
}

/** Between two medians of a process that leaks nothing: what the collector leaves lying about at one time or another. */
const GROWTH_MAX_BYTES = 16 * 1024 * 1024;
/** Large processes waver more. */
const GROWTH_MAX_SHARE = 0.15;

/** Of samples in the order in which they were taken, at equal intervals; four at least. */
export function judgeMemory(samples: readonly number[]): MemoryReport {
  const quarters = [0, 1, 2, 3].map((quarter) => {
    const from = Math.floor((quarter * samples.length) / 4);
    const to = Math.floor(((quarter + 1) * samples.length) / 4);
    return quantile(samples.slice(from, to), 0.5);
  });
  const [, second = Number.NaN, , last = Number.NaN] = quarters;
  const growthBytes = last - second;
  const isFlat = growthBytes <= Math.max(GROWTH_MAX_BYTES, GROWTH_MAX_SHARE * second);
  return { quarters, max: Math.max(...samples), growthBytes, isFlat };
}
