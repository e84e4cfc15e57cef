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
