import { expect, test } from 'vitest';
import { formatAge, formatRoundTrip } from './duration.js';

test('round trips are spelled as Go spells them, rounded to a millisecond', () => {
  const cases: readonly [number, string][] = [
    [0, '0s'],
    [0.4, '0s'],
    [0.5, '1ms'],
    [34.2, '34ms'],
    [999.4, '999ms'],
    [999.6, '1s'],
    [1_204, '1.204s'],
    [1_500, '1.5s'],
    [60_000, '1m0s'],
    [62_500, '1m2.5s'],
  ];
  for (const [ms, text] of cases) expect(formatRoundTrip(ms), `${ms} ms`).toBe(text);
});

test('ages use the largest whole unit, and never a negative one', () => {
  const cases: readonly [number, string][] = [
    [-5_000, '0s'],
    [999, '0s'],
    [1_000, '1s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_599_999, '59m'],
    [3_600_000, '1h'],
    [86_399_999, '23h'],
    [3 * 86_400_000, '3d'],
  ];
  for (const [ms, text] of cases) expect(formatAge(ms), `${ms} ms`).toBe(text);
});
