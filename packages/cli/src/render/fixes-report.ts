/** What came of advice, for people. Pure; colours are the terminal's, through `paint`. */
import type { FixedCell, FixesReport } from '@warren/sim/matrix/fixes';
import type { Style } from '../terminal.js';
import { renderTable } from './table.js';

type Paint = (style: Style, text: string) => string;

const HEADER = ['PAIR', 'RULE', 'ADVICE', 'AT', 'PROMISED', 'BECAME'];

export function renderFixesReport(report: FixesReport, paint: Paint): string[] {
  const relayed = report.cells.filter(({ verdict }) => verdict !== 'direct');
  const broken = relayed.filter(({ problem }) => problem !== null);
  const then = report.keptThen === 0 ? '' : `, ${report.keptThen} more by a second advice`;
  const sentence = `${report.kept} of ${report.relayed} relayed pairs got what was promised${then}, in ${(report.durationMs / 1000).toFixed(1)} s.`;
  return [
    ...renderTable([HEADER, ...relayed.map(rowOf)]),
    '',
    ...broken.map((cell) => paint(cell.second?.problem === null ? 'yellow' : 'red', wordOf(cell))),
    paint(report.ok ? 'green' : 'red', sentence),
  ];
}

function wordOf({ from, to, problem, second }: FixedCell): string {
  const then =
    second === undefined
      ? ''
      : `; then ${second.fix?.code ?? 'nothing'}: ${second.problem ?? 'as promised'}`;
  return `${from}:${to}: ${problem ?? ''}${then}`;
}

function rowOf({ from, to, rule, fix, after }: FixedCell): string[] {
  const place = { self: from, peer: to, both: 'both' } as const;
  return [
    `${from} - ${to}`,
    rule,
    fix?.code ?? '-',
    fix === null ? '-' : place[fix.where],
    fix?.effect ?? '-',
    after === null ? '-' : (after.method ?? after.actual),
  ];
}
