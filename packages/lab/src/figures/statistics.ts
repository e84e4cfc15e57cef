/** Of measured values: what figures are made of. */

/** The value below which a share of all lies: one of the values, the larger of two neighbours; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** A distribution in a few numbers; null where nothing was measured. */
export interface Summary {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

export function summarize(values: readonly number[]): Summary {
  const at = (share: number): number | null =>
    values.length === 0 ? null : Math.round(quantile(values, share) * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** A share, and where its true value lies with 95 % certainty. */
export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** Of a normal distribution 95 % lie within so many standard deviations. */
const Z_95 = 1.959964;

/** The interval is Wilson's (1927), which holds near 0 and 1 too. Of no tries nothing is known. */
export function shareOf(successes: number, tries: number): Share {
  if (tries === 0) return { share: 0, low: 0, high: 1 };
  const share = successes / tries;
  const z2 = Z_95 * Z_95;
  const scale = 1 / (1 + z2 / tries);
  const middle = scale * (share + z2 / (2 * tries));
  const half = scale * Z_95 * Math.sqrt((share * (1 - share)) / tries + z2 / (4 * tries * tries));
  const bounded = (value: number): number => Math.min(1, Math.max(0, value));
  return { share, low: bounded(middle - half), high: bounded(middle + half) };
}

export function meanOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How two contenders compare that took turns: of the medians, and where most rounds lie. */
export interface Ratio {
  readonly ofMedians: number | null;
  readonly p10: number | null;
  readonly p90: number | null;
}

/** Ours to theirs; rounds in which one of them has no value tell nothing. */
export function ratio(ours: readonly (number | null)[], theirs: readonly (number | null)[]): Ratio {
  const rounds = ours.flatMap((mine, round) => {
    const other = theirs[round] ?? null;
    return mine === null || other === null || other === 0 ? [] : [{ mine, other }];
  });
  if (rounds.length === 0) return { ofMedians: null, p10: null, p90: null };
  const each = rounds.map(({ mine, other }) => mine / other);
  const median = (values: readonly number[]): number => quantile(values, 0.5);
  const ofMedians =
    median(rounds.map(({ mine }) => mine)) / median(rounds.map(({ other }) => other));
  const [p10, p90] = [quantile(each, 0.1), quantile(each, 0.9)];
  return { ofMedians: hundredths(ofMedians), p10: hundredths(p10), p90: hundredths(p90) };
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
