/** The report as a table for people. Pure. */
import type { ContenderValues, FigureReport, Verdict } from './bench-report.js';
import type { Machine } from './machine.js';

export interface BenchReport {
  /** By key of the figure. */
  readonly ratios: Readonly<Record<string, FigureReport>>;
  /** How contenders said that their packets move. */
  readonly ways: Readonly<Record<string, string>>;
  readonly machine: Machine;
  /** With `+` when files differ from it; null: not a clone. */
  readonly commit: string | null;
  /** ISO time of the beginning. */
  readonly at: string;
  readonly secondsPerRun: number;
}

export const VERDICTS: Readonly<Record<Verdict, string>> = {
  goal: 'goal',
  enough: 'done',
  short: 'NOT DONE',
  nothing: 'NOTHING',
};

const HEAD = [
  ...['key', 'what', 'ours', 'theirs', 'no tunnel', 'unit', 'ratio', 'of rounds', 'n'],
  ...['goal', 'not done below', ''],
];
/** Of what stands at the left; all else is numbers, at the right. */
const LEFT_COLUMNS = new Set([0, 1, 5, 11]);

/** Three digits say all that a noisy machine knows. */
export function short(value: number | null): string {
  if (value === null) return '-';
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export const ratio = (value: number | null): string => (value === null ? '-' : value.toFixed(2));
const median = (values: ContenderValues | null): string => short(values?.median ?? null);

function rowOf(key: string, report: FigureReport): string[] {
  const { what, unit, min, max, rounds, goal, least, verdict, better } = report;
  const least_ = `${better === 'less' ? 'above ' : ''}${ratio(least)}`;
  return [
    ...[key, what, median(report.ours), median(report.theirs), median(report.beside), unit],
    ...[ratio(report.median), min === null ? '-' : `${ratio(min)}-${ratio(max)}`, String(rounds)],
    ...[ratio(goal), least_, VERDICTS[verdict]],
  ];
}

/** A table whose first row has its names; columns of `left` begin at the left, numbers end at the right. */
export function align(rows: readonly (readonly string[])[], left: ReadonlySet<number>): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return left.has(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

export function benchText({
  ratios,
  ways,
  machine,
  commit,
  at,
  secondsPerRun,
}: BenchReport): string {
  const reports = Object.entries(ratios);
  const failures = reports.flatMap(([key, { failed }]) =>
    failed.map(
      ({ round, contender, failure }) => `${key}, round ${round}, ${contender}: ${failure}`,
    ),
  );
  const { processor, cores, memoryGB, kernel, node, congestion } = machine;
  return [
    `${at}, commit ${commit ?? 'unknown'}, ${secondsPerRun} s a run`,
    `${processor}, ${cores} cores, ${memoryGB} GB; Linux ${kernel}, Node.js ${node}, TCP ${congestion}`,
    '',
    ...align([HEAD, ...reports.map(([key, report]) => rowOf(key, report))], LEFT_COLUMNS),
    ...(Object.keys(ways).length === 0 ? [] : ['']),
    ...Object.entries(ways).map(([contender, way]) => `${contender}: ${way}`),
    ...(failures.length === 0 ? [] : ['', 'failed runs:', ...failures]),
  ].join('\n');
}
