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
  'MOVED',
  'AT',
];

/** What a simulated demo says first. */
export const SIMULATED_NOTE =
  'Simulated in this process: models of NATs and wires, the real engines, relay and control';

/** Lines of the whole report. */
export function renderDemoReport(report: DemoReport, paint: Paint): string[] {
  return [
    ...(report.world === 'sim' ? [paint('yellow', SIMULATED_NOTE), ''] : []),
    ...renderMatrix(report, paint),
    '',
    ...renderTable([PAIR_HEADER, ...report.pairs.map(pairRow)]),
    '',
    ...report.pairs.flatMap(({ from, to, firstTry = [] }) =>
      firstTry.map((problem) => paint('yellow', `${from} - ${to}, at a first try: ${problem}`)),
    ),
    ...report.pairs.flatMap((pair) =>
      pair.problems.map((problem) => paint('red', `${pair.from} - ${pair.to}: ${problem}`)),
    ),
    verdict(report, paint),
  ];
}

/** Machines in both directions, numbered; a pair is shown in both of its cells. */
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
  const numbers = names.map((_name, index) => String(index + 1));
  const rows = names.map((from, index) => [
    `${index + 1} ${from}`,
    ...names.map((to) => cell(from, to)),
  ]);
  const [header = '', ...lines] = renderTable([['', ...numbers], ...rows]);
  return [
    paint('bold', header),
    // Padding is done, so colours can't shift the columns.
    ...lines.map((line) =>
      line
        .replace(DIRECT_CELL, (text) => paint('green', text))
        .replace(/(?<= {2})relay\b/g, (text) => paint('yellow', text))
        .replace(/(?<= {2})none\b/g, (text) => paint('red', text)),
    ),
  ];
}

/** A method in a cell says that it is direct; the row's name stands at its start. */
const DIRECT_CELL = /(?<= {2})(direct|open|punch|lan|ipv6|portmap|static|predict|birthday)\b/g;

/** How a pair talks, in a word. */
function wayOf(pair: DemoPair): string {
  return pair.actual === 'direct' ? (pair.method ?? 'direct') : pair.actual;
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
    megabytes(pair.transferredBytes),
    pair.megabitsPerSecond === null ? '-' : `${pair.megabitsPerSecond.toFixed(1)} Mbit/s`,
  ];
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function milliseconds(ms: number | null): string {
  return ms === null ? '-' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

const PATH_WORDS: Readonly<Record<DemoPair['actual'], string>> = {
  direct: 'direct',
  relay: 'relayed',
  'peer-relay': 'relayed by peers',
  none: 'not proven',
};

function verdict(report: DemoReport, paint: Paint): string {
  const seconds = (report.durationMs / 1000).toFixed(1);
  const count = (path: DemoPair['actual']): number =>
    report.pairs.filter(({ actual }) => actual === path).length;
  const counts = (['direct', 'relay', 'peer-relay', 'none'] as const)
    .filter((path) => count(path) > 0 || path === 'direct' || path === 'relay')
    .map((path) => `${count(path)} ${PATH_WORDS[path]}`);
  const good = report.pairs.filter((pair) => pair.problems.length === 0).length;
  const sentence = `${counts.join(', ')}: ${good} of ${report.pairs.length} pairs as expected, every hash checked, in ${seconds} s.`;
  return paint(report.ok ? 'green' : 'red', sentence);
}
