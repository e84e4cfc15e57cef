/** What the rounds come to: ratios of neighbours in time, judged by their median. Pure. */
import type { Contender } from './contenders.js';
import type { Figure } from './figures.js';
import { contendersOf, type Round, type Run } from './rounds.js';

/** `goal`: reached; `enough`: done; `short`: not done; `nothing`: no round has a ratio. */
export type Verdict = 'goal' | 'enough' | 'short' | 'nothing';

export interface ContenderValues {
  readonly contender: Contender;
  /** Of the runs that did not fail. */
  readonly median: number | null;
  /** By round; null: the run failed. */
  readonly each: readonly (number | null)[];
}

export interface FailedRun {
  /** From 1. */
  readonly round: number;
  readonly contender: Contender;
  readonly failure: string;
}

export interface FigureReport {
  /** Ours to theirs, over the rounds in which both ran; null when there was none. */
  readonly median: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** How many have a ratio. */
  readonly rounds: number;
  readonly what: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly goal: number;
  readonly least: number;
  readonly verdict: Verdict;
  readonly ours: ContenderValues;
  readonly theirs: ContenderValues;
  readonly beside: ContenderValues | null;
  readonly failed: readonly FailedRun[];
}

const THOUSAND = 1000;
export const rounded = (value: number): number => Math.round(value * THOUSAND) / THOUSAND;

function measured(run: Run | undefined): number | null {
  return run !== undefined && 'value' in run ? run.value : null;
}

/** The middle value; of two the mean. */
export function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const [lower, upper] = [(sorted.length - 1) >> 1, sorted.length >> 1];
  return rounded(((sorted[lower] ?? 0) + (sorted[upper] ?? 0)) / 2);
}

function valuesOf(contender: Contender, rounds: readonly Round[]): ContenderValues {
  const each = rounds.map((round) => measured(round.get(contender)));
  return {
    contender,
    median: medianOf(each.filter((value) => value !== null)),
    each: each.map((value) => (value === null ? null : rounded(value))),
  };
}

function judge({ better, goal, least }: Figure, median: number | null): Verdict {
  if (median === null) return 'nothing';
  const reaches = (mark: number): boolean => (better === 'more' ? median >= mark : median <= mark);
  if (reaches(goal)) return 'goal';
  return reaches(least) ? 'enough' : 'short';
}

export function figureReport(figure: Figure, rounds: readonly Round[]): FigureReport {
  const { what, unit, better, goal, least, ours, theirs, beside } = figure;
  const ratios = rounds.flatMap((round) => {
    const [mine, other] = [measured(round.get(ours)), measured(round.get(theirs))];
    return mine === null || other === null ? [] : [mine / other];
  });
  const median = medianOf(ratios);
  return {
    median,
    min: ratios.length === 0 ? null : rounded(Math.min(...ratios)),
    max: ratios.length === 0 ? null : rounded(Math.max(...ratios)),
    rounds: ratios.length,
    ...{ what, unit, better, goal, least, verdict: judge(figure, median) },
    ours: valuesOf(ours, rounds),
    theirs: valuesOf(theirs, rounds),
    beside: beside === undefined ? null : valuesOf(beside, rounds),
    failed: rounds.flatMap((round, index) =>
      contendersOf(figure).flatMap((contender) => {
        const run = round.get(contender);
        const hasFailed = run !== undefined && 'failure' in run;
        return hasFailed ? [{ round: index + 1, contender, failure: run.failure }] : [];
      }),
    ),
  };
}
