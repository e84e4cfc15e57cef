/** What the runs come to: medians, ratios of neighbours in time, and whether that is enough. Pure. */
import { medianOf, rounded, type Verdict } from '../bench/bench-report.js';
import type { Machine } from '../bench/machine.js';
import type { Contender } from './contenders.js';
import { type ControlFigure, FIGURES } from './figures.js';
import type { Run } from './run-rounds.js';
import type { CurvePoint, Sample } from './stages.js';

export interface Values {
  readonly median: number | null;
  /** By round; null: there is none. */
  readonly each: readonly (number | null)[];
}

export interface FigureReport {
  readonly what: string;
  readonly unit: string;
  readonly ours: Values;
  /** Null: ours alone. */
  readonly theirs: Values | null;
  /** Ours to theirs, over the rounds in which both have a value. */
  readonly ratio: {
    readonly median: number;
    readonly min: number;
    readonly max: number;
    readonly rounds: number;
  } | null;
  readonly goal: number | null;
  readonly least: number | null;
  readonly limit: number | null;
  /** Null: it is only reported. */
  readonly verdict: Verdict | null;
}

export interface ControlReport {
  readonly figures: Readonly<Record<string, FigureReport>>;
  /** What a change costs by its audience; of the rounds' medians. */
  readonly curve: Readonly<Record<Contender, readonly CurvePoint[]>>;
  /** Everything that was measured, also what has no row of its own. */
  readonly runs: readonly Run[];
  readonly setting: Setting;
}

/** How it was measured. */
export interface Setting {
  readonly at: string;
  readonly commit: string | null;
  readonly machine: Machine;
  readonly headscale: string | null;
  readonly coalescing: Readonly<Record<Contender, string>>;
  readonly durability: Readonly<Record<Contender, string>>;
  readonly fleetProcesses: number;
  readonly joiningAtOnce: number;
  readonly seconds: number;
}

function isNumber(value: number | undefined | null): value is number {
  return value !== undefined && value !== null && Number.isFinite(value);
}

/** Of a stage, by round. */
function samplesOf(runs: readonly Run[], stage: string, contender: Contender): (Sample | null)[] {
  const own = runs.filter((run) => run.stage === stage && run.contender === contender);
  return own.sort((a, b) => a.round - b.round).map(({ sample }) => sample ?? null);
}

function valuesOf(figure: ControlFigure, samples: readonly (Sample | null)[]): Values {
  const each = samples.map((sample) => {
    const value = sample === null ? undefined : figure.of(sample);
    return isNumber(value) ? rounded(value) : null;
  });
  return { median: medianOf(each.filter(isNumber)), each };
}

function ratioOf(ours: Values, theirs: Values | null): FigureReport['ratio'] {
  const ratios = ours.each.flatMap((mine, round) => {
    const other = theirs?.each[round];
    return isNumber(mine) && isNumber(other) && other > 0 ? [mine / other] : [];
  });
  const median = medianOf(ratios);
  if (median === null) return null;
  const [min, max] = [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))];
  return { median, min, max, rounds: ratios.length };
}

function judge(figure: ControlFigure, ours: number | null, ratio?: number): Verdict | null {
  const { goal, least, limit } = figure;
  if (limit !== undefined) {
    if (ours === null) return 'nothing';
    return ours <= limit ? 'goal' : 'short';
  }
  if (goal === undefined || least === undefined) return null;
  if (ratio === undefined) return 'nothing';
  if (ratio <= goal) return 'goal';
  return ratio <= least ? 'enough' : 'short';
}

/** Undefined: nothing was measured of it, nor tried. */
export function figureReport(
  figure: ControlFigure,
  runs: readonly Run[],
): FigureReport | undefined {
  const { what, unit, goal = null, least = null, limit = null, stage } = figure;
  const ours = valuesOf(figure, samplesOf(runs, stage, 'warren'));
  const others = valuesOf(figure, samplesOf(runs, stage, 'headscale'));
  if (ours.median === null && others.median === null) return undefined;
  const theirs = others.median === null ? null : others;
  const ratio = ratioOf(ours, theirs);
  const verdict = judge(figure, ours.median, ratio?.median);
  return { what, unit, ours, theirs, ratio, goal, least, limit, verdict };
}

/** By audience, medians over the rounds. */
export function curveOf(runs: readonly Run[], contender: Contender): CurvePoint[] {
  const points = samplesOf(runs, 'curve', contender).flatMap((sample) => sample?.curve ?? []);
  const audiences = [...new Set(points.map(({ audience }) => audience))].sort((a, b) => a - b);
  return audiences.map((audience) => {
    const own = points.filter((point) => point.audience === audience);
    const median = (of: (point: CurvePoint) => number): number =>
      medianOf(own.map(of).filter(isNumber)) ?? 0;
    return {
      audience,
      cpuMsPerChange: median(({ cpuMsPerChange }) => cpuMsPerChange),
      lastP50Ms: median(({ lastP50Ms }) => lastP50Ms),
      lastP99Ms: median(({ lastP99Ms }) => lastP99Ms),
      missing: Math.max(...own.map(({ missing }) => missing)),
    };
  });
}

export function controlReport(runs: readonly Run[], setting: Setting): ControlReport {
  const figures = FIGURES.flatMap((figure) => {
    const report = figureReport(figure, runs);
    return report === undefined ? [] : [[figure.key, report] as const];
  });
  return {
    figures: Object.fromEntries(figures),
    curve: { warren: curveOf(runs, 'warren'), headscale: curveOf(runs, 'headscale') },
    runs,
    setting,
  };
}
