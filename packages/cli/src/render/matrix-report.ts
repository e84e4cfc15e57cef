/** The matrix for people: a line for each pair, the ones that fell short at the end. Pure. */
import type { MatrixPair, MatrixReport } from '@warren/sim/matrix/report';
import type { Style } from '../terminal.js';
import { renderTable } from './table.js';

type Paint = (style: Style, text: string) => string;

const HEADER = ['PAIR', 'KIND', 'EXPECTED', 'ACTUAL', 'METHOD', 'DIRECT AFTER', 'ROUND TRIP'];

export function renderMatrixReport(report: MatrixReport, paint: Paint): string[] {
  const short = report.pairs.filter(({ problems }) => problems.length > 0);
  return [
    ...renderTable([HEADER, ...report.pairs.map(rowOf)]),
    '',
    ...short.flatMap((pair) => pair.problems.map((problem) => paint('red', problem))),
    verdict(report, short.length, paint),
  ];
}

function rowOf(pair: MatrixPair): string[] {
  const { from, to, oracle, expected, actual, method, directMs, latencyMs } = pair;
  return [
    `${from} - ${to}`,
    oracle.kind ?? '-',
    expected,
    actual,
    method === null || method === actual ? '-' : method,
    milliseconds(directMs),
    milliseconds(latencyMs),
  ];
}

function milliseconds(ms: number | null): string {
  return ms === null ? '-' : `${Math.round(ms)} ms`;
}

function verdict({ pairs, ok, durationMs }: MatrixReport, short: number, paint: Paint): string {
  const direct = pairs.filter(({ actual }) => actual === 'direct').length;
  const relayed = pairs.filter(({ actual }) => actual === 'relay').length;
  const sentence = `${direct} direct, ${relayed} relayed: ${pairs.length - short} of ${pairs.length} pairs are what they have to be, in ${(durationMs / 1000).toFixed(1)} s.`;
  return paint(ok ? 'green' : 'red', sentence);
}
