/**
 * The demo's result for people: who reaches whom how (the matrix), then the evidence for each pair. Pure;
 * colours are the terminal's, through `paint`.
 */
import type { DemoPair, DemoReport } from '@warren/sim/demo/report';
import type { Style } from '../terminal.js';
import { renderTable } from './table.js';

type Paint = (style: Style, text: string) => string;

const PAIR_HEADER = [
  'PAIR',
  'PATH',
  'METHOD',
  'ROUND TRIP',
  'WIRES',
  'FIRST REPLY',
  'DIRECT AFTER',
  'RELAYED FRAMES',
  '2 MB AT',
];

/** Lines of the whole report. */
export function renderDemoReport(report: DemoReport, paint: Paint): string[] {
  return [
    ...renderMatrix(report, paint),
    '',
    ...renderTable([PAIR_HEADER, ...report.pairs.map(pairRow)]),
    '',
    ...report.pairs.flatMap((pair) =>
      pair.problems.map((problem) => paint('red', `${pair.from} - ${pair.to}: ${problem}`)),
    ),
    verdict(report, paint),
  ];
}

/** Machines in both directions; a pair is shown in both of its cells. */
function renderMatrix(report: DemoReport, paint: Paint): string[] {
  const names = report.machines.map((machine) => machine.name);
  const cell = (from: string, to: string): string => {
    const pair = report.pairs.find(
      (candidate) =>
        (candidate.from === from && candidate.to === to) ||
        (candidate.from === to && candidate.to === from),
    );
    return pair === undefined ? '-' : wayOf(pair);
  };
  const rows = names.map((from) => [from, ...names.map((to) => cell(from, to))]);
  const [header = '', ...lines] = renderTable([['', ...names], ...rows]);
  return [
    paint('bold', header),
    // Padding is done, so colours can't shift the columns.
    ...lines.map((line) =>
      line
        .replace(/direct \S+/g, (text) => paint('green', text))
        .replace(/\brelay\b/g, (text) => paint('yellow', text))
        .replace(/\bnone\b/g, (text) => paint('red', text)),
    ),
  ];
}

function wayOf(pair: DemoPair): string {
  return pair.actual === 'direct' ? `direct ${pair.method ?? ''}`.trim() : pair.actual;
}

function pairRow(pair: DemoPair): string[] {
  return [
    `${pair.from} - ${pair.to}`,
    pair.actual,
    pair.method === pair.actual ? '-' : (pair.method ?? '-'),
    milliseconds(pair.latencyMs),
    milliseconds(pair.wireRttMs),
    milliseconds(pair.firstReplyMs),
    milliseconds(pair.directMs),
    pair.relayDataFramesDuringTransfer === null ? '-' : String(pair.relayDataFramesDuringTransfer),
    pair.megabitsPerSecond === null ? '-' : `${pair.megabitsPerSecond.toFixed(1)} Mbit/s`,
  ];
}

function milliseconds(ms: number | null): string {
  return ms === null ? '-' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function verdict(report: DemoReport, paint: Paint): string {
  const seconds = (report.durationMs / 1000).toFixed(1);
  const good = report.pairs.filter((pair) => pair.problems.length === 0).length;
  const sentence = `${good} of ${report.pairs.length} pairs as expected, every hash checked, in ${seconds} s.`;
  return paint(report.ok ? 'green' : 'red', sentence);
}
