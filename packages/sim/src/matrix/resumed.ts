/**
 * Runs that are cut off and taken up again, or made in parts: what a report of an earlier run holds is kept, the other
 * cells run, and the report says which run measured how many. Pure.
 */
import { cellName, type MatrixCell } from './cell.js';
import type { EarlierRun, RunFacts } from './report.js';

/** What was measured of a cell, whatever it was. */
interface OfCell {
  readonly from: string;
  readonly to: string;
}

/** Every `of`-th cell from the `part`-th on, so that each part has cells of all kinds. */
export interface Part {
  readonly part: number;
  readonly of: number;
}

export function partOf(cells: readonly MatrixCell[], { part, of }: Part): readonly MatrixCell[] {
  return cells.filter((_cell, index) => index % of === part - 1);
}

function nameOf({ from, to }: OfCell): string {
  return `${from}:${to}`;
}

/** Cells of which nothing was measured. */
export function remaining(
  cells: readonly MatrixCell[],
  measured: readonly OfCell[],
): readonly MatrixCell[] {
  const names = new Set(measured.map(nameOf));
  return cells.filter((cell) => !names.has(cellName(cell)));
}

/** In the order of the cells; others, of cells that were named the other way round or are no more, go last. */
export function inOrder<Entry extends OfCell>(
  cells: readonly MatrixCell[],
  measured: readonly Entry[],
): Entry[] {
  const places = new Map(cells.map((cell, index) => [cellName(cell), index]));
  const place = (entry: Entry): number => places.get(nameOf(entry)) ?? cells.length;
  return [...measured].sort((a, b) => place(a) - place(b));
}

interface Report extends RunFacts {
  readonly earlier?: readonly EarlierRun[];
}

/** The runs whose findings are in a report, with the one that wrote it. `count`: of all findings in it. */
export function runsOf(
  { commit, date, durationMs, earlier = [] }: Report,
  count: number,
): readonly EarlierRun[] {
  const before = earlier.reduce((sum, { pairs }) => sum + pairs, 0);
  return [...earlier, { commit, date, durationMs, pairs: count - before }];
}
