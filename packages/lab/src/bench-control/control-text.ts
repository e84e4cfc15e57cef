/** The report as a table for people. Pure. */
import { align, ratio, short, VERDICTS } from '../bench/bench-text.js';
import { CONTENDERS } from './contenders.js';
import type { ControlReport, FigureReport, Setting } from './control-report.js';
import type { Run } from './run-rounds.js';

const HEAD = [
  ...['key', 'what', 'ours', 'theirs', 'unit', 'ratio', 'of rounds', 'n', 'wanted', ''],
];
const LEFT_COLUMNS = new Set([0, 1, 4, 9]);
const CURVE_HEAD = ['peers', 'who', 'CPU ms a change', 'p50 ms', 'p99 ms', 'missing'];
const CURVE_LEFT = new Set([1]);

function wanted({ goal, least, limit }: FigureReport): string {
  if (limit !== null) return `at most ${limit}`;
  if (goal === null || least === null) return '';
  return goal === least ? ratio(goal) : `${ratio(goal)}, at most ${ratio(least)}`;
}

function rowOf(key: string, report: FigureReport): string[] {
  const { what, unit, ours, theirs, ratio: of, verdict } = report;
  return [
    ...[key, what, short(ours.median), short(theirs?.median ?? null), unit],
    ...[ratio(of?.median ?? null), of === null ? '-' : `${ratio(of.min)}-${ratio(of.max)}`],
    ...[of === null ? '' : String(of.rounds), wanted(report)],
    verdict === null ? '' : VERDICTS[verdict],
  ];
}

function settingLines(setting: Setting): string[] {
  const { at, commit, machine, headscale, coalescing, durability } = setting;
  const { processor, cores, memoryGB, kernel, node } = machine;
  return [
    `${at}, commit ${commit ?? 'unknown'}, headscale ${headscale ?? 'not here'}`,
    `${processor}, ${cores} cores, ${memoryGB} GB; Linux ${kernel}, Node.js ${node}`,
    ...CONTENDERS.map((who) => `${who}: gathers changes ${coalescing[who]}; ${durability[who]}`),
  ];
}

/** What a reader must know of the fleet and of those who were told without need. */
function remarks(runs: readonly Run[]): string[] {
  return runs.flatMap(({ stage, round, contender, sample, failure }) => {
    const name = `${stage}, round ${round}, ${contender}`;
    if (failure !== undefined) return [`${name}: FAILED: ${failure}`];
    const changes = sample?.changes;
    const stranded = sample?.joined.stranded ?? 0;
    const lost =
      stranded === 0
        ? []
        : [
            `${name}: ${stranded} clients were not told of all peers, and opened their streams anew`,
          ];
    if (changes === undefined) return lost;
    const { fleet, missing, needless } = changes;
    const late = `the fleet's event loops were late by ${short(fleet.delayP99Ms)} ms (p99), ${short(fleet.delayMaxMs)} at most`;
    const told =
      needless === 0 ? '' : `; told ${needless} times to who may not see it, or had said it`;
    return [...lost, `${name}: ${late}${missing === 0 ? '' : `; ${missing} NOT TOLD`}${told}`];
  });
}

export function controlText({ figures, curve, runs, setting }: ControlReport): string {
  const rows = Object.entries(figures).map(([key, report]) => rowOf(key, report));
  const points = CONTENDERS.flatMap((who) =>
    curve[who].map((point) => [
      ...[String(point.audience), who, short(point.cpuMsPerChange)],
      ...[short(point.lastP50Ms), short(point.lastP99Ms), String(point.missing)],
    ]),
  );
  return [
    ...settingLines(setting),
    ...(rows.length === 0 ? [] : ['', ...align([HEAD, ...rows], LEFT_COLUMNS)]),
    ...(points.length === 0 ? [] : ['', ...align([CURVE_HEAD, ...points], CURVE_LEFT)]),
    '',
    ...remarks(runs),
  ].join('\n');
}
