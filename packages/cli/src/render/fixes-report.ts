/** What came of advice, for people. Pure; colours are the terminal's, through `paint`. */
import type { FixedCell, FixesReport } from '@warren/sim/matrix/fixes';
import type { Style } from '../terminal.js';
import { renderTable } from './table.js';

type Paint = (style: Style, text: string) => string;

const HEADER = ['PAIR', 'RULE', 'ADVICE', 'AT', 'PROMISED', 'BECAME'];

export function renderFixesReport(report: FixesReport, paint: Paint): string[] {
  const relayed = report.cells.filter(({ verdict }) => verdict !== 'direct');
  const broken = relayed.filter(({ problem }) => problem !== null);
  const sentence = `${report.kept} of ${report.relayed} relayed pairs got what was promised, in ${(report.durationMs / 1000).toFixed(1)} s.`;
  return [
    ...renderTable([HEADER, ...relayed.map(rowOf)]),
    '',
    ...broken.map(({ from, to, problem }) => paint('red', `${from}:${to}: ${problem ?? ''}`)),
    paint(report.ok ? 'green' : 'red', sentence),
  ];
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
