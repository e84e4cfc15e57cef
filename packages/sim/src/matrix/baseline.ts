/**
 * What every cell was when the matrix was last written down (docs/matrix/sim.json), so that a cell which falls
 * from direct to relay is seen, and the cells that fall short of the oracle, each with the reason.
 */
import { isAsExpected, type MatrixPair, type MatrixReport } from './report.js';

export interface MatrixBaseline {
  readonly world: 'lab' | 'sim';
  /** Cells that have to be direct and are not, as `left:right`, with the reason in words. */
  readonly fallsShort: Readonly<Record<string, string>>;
  /** Every cell as `left:right`: how it talked, and by what method. */
  readonly cells: Readonly<Record<string, string>>;
}

export interface BaselineFindings {
  /** Sentences about cells that are worse than they were, or than they may be. */
  readonly problems: readonly string[];
  /** Sentences about cells that are better than the baseline says. */
  readonly news: readonly string[];
}

export function compareWithBaseline(
  report: MatrixReport,
  baseline: MatrixBaseline,
): BaselineFindings {
  const [problems, news]: [string[], string[]] = [[], []];
  for (const pair of report.pairs) {
    const name = nameOf(pair);
    const before = baseline.cells[name];
    const reason = baseline.fallsShort[name];
    const wasDirect = before?.startsWith('direct') === true;
    // What was direct by luck, or beyond the oracle, was chance and need not be again.
    if (before === undefined) problems.push(`${name} is not in the baseline`);
    else if (wasDirect && pair.actual !== 'direct' && pair.expected === 'direct') {
      problems.push(`${name} fell from direct to ${pair.actual}`);
    } else if (!wasDirect && pair.actual === 'direct' && pair.expected !== 'relay') {
      news.push(`${name} was ${before}, is direct now`);
    }
    const asExpected = isAsExpected(pair.oracle, pair.actual);
    if (asExpected && reason !== undefined) news.push(`${name} no longer falls short`);
    // A known shortfall excuses the relay; nothing excuses silence, or a path that can't be.
    const excused = reason !== undefined && pair.expected === 'direct' && pair.actual === 'relay';
    if (!excused) problems.push(...pair.problems);
  }
  return { problems, news };
}

/** The report as the next baseline. Shortfalls keep their reasons; a new one says what was seen. */
export function baselineOf(
  report: MatrixReport,
  before: MatrixBaseline | undefined,
): MatrixBaseline {
  const short = report.pairs.filter((pair) => !isAsExpected(pair.oracle, pair.actual));
  const reasons = short.map((pair): readonly [string, string] => {
    const name = nameOf(pair);
    return [name, before?.fallsShort[name] ?? pair.problems.join('; ')];
  });
  return {
    world: report.world,
    fallsShort: Object.fromEntries(reasons),
    cells: Object.fromEntries(report.pairs.map((pair) => [nameOf(pair), wayOf(pair)])),
  };
}

function nameOf({ from, to }: MatrixPair): string {
  return `${from}:${to}`;
}

function wayOf({ actual, method }: MatrixPair): string {
  return method === null || method === actual ? actual : `${actual} ${method}`;
}
