/** The figures of the control server: what each is, out of a stage's sample, and how good is good. */
import type { RestartFigures } from './network.js';
import type { Sample, StageKey } from './stages.js';

export interface ControlFigure {
  readonly key: string;
  readonly stage: StageKey;
  readonly what: string;
  readonly unit: string;
  /** Undefined: this sample has none. */
  readonly of: (sample: Sample) => number | undefined;
  /** Of a ratio, ours to theirs: reached at most, and not done above. */
  readonly goal?: number;
  readonly least?: number;
  /** Of our own value: not done above. */
  readonly limit?: number;
}

/** An endpoint change reaches everybody within this, in 99 of 100 cases. */
const LATENCY_LIMIT_MS = 500;
/** 2 GiB. */
const LARGE_LIMIT_MB = 2_147;
const PERCENT = 100;

const percent = (share: number | undefined): number | undefined =>
  share === undefined ? undefined : PERCENT * share;

function restartOf(kind: RestartFigures['kind']): (sample: Sample) => RestartFigures | undefined {
  return ({ restarts }) => restarts?.find((restart) => restart.kind === kind);
}
const stock = restartOf('stock');
const resuming = restartOf('resuming');

/** What every network that is joined and changes has. */
function common(stage: StageKey, prefix: string): readonly ControlFigure[] {
  const key = (name: string): string =>
    prefix === '' ? name : `${prefix}${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`;
  const [ms, processor, memory] = [
    { stage, unit: 'ms' },
    { stage, unit: '% of one' },
    { stage, unit: 'MB' },
  ];
  return [
    {
      ...{ key: key('joined'), stage, what: 'until all know all', unit: 's' },
      of: ({ joined }) => joined.seconds,
    },
    {
      ...{ ...ms, key: key('p50'), what: 'change until the last peer has it, p50, 10/s' },
      of: ({ changes }) => changes?.lastP50Ms,
    },
    {
      ...{ ...ms, key: key('p99'), what: 'the same, p99' },
      of: ({ changes }) => changes?.lastP99Ms,
    },
    {
      ...{ ...ms, key: key('max'), what: 'the same, longest' },
      of: ({ changes }) => changes?.lastMaxMs,
    },
    {
      ...{ ...ms, key: key('slowP99'), what: 'the same at 1/s, p99' },
      of: ({ slow }) => slow?.lastP99Ms,
    },
    {
      ...{ ...processor, key: key('cpu'), what: "server's processor at 10/s" },
      of: ({ changes }) => percent(changes?.cpu),
    },
    {
      ...{ ...memory, key: key('rss'), what: "server's resident memory" },
      of: ({ changes }) => changes?.memory.rssMB,
    },
    {
      ...{ ...memory, key: key('pss'), what: 'without what others share' },
      of: ({ changes }) => changes?.memory.pssMB,
    },
    {
      ...{ ...memory, key: key('peak'), what: 'the most ever' },
      of: ({ changes }) => changes?.memory.peakMB,
    },
  ];
}

function restarts(stage: StageKey, prefix: string): readonly ControlFigure[] {
  return [
    {
      ...{ key: `${prefix}Stock`, stage, what: 'kill -9 until all have maps, stock', unit: 's' },
      of: (sample) => stock(sample)?.seconds,
    },
    {
      ...{ key: `${prefix}Resuming`, stage, what: 'the same, resuming', unit: 's' },
      of: (sample) => resuming(sample)?.seconds,
    },
    {
      ...{ key: `${prefix}Resumed`, stage, what: 'of whom were sent only changes', unit: '%' },
      of: (sample) => percent((resuming(sample)?.resumed ?? Number.NaN) / sample.nodes),
    },
  ];
}

const MARKS: Readonly<Record<string, Pick<ControlFigure, 'goal' | 'least' | 'limit'>>> = {
  cpu: { goal: 0.5, least: 1 },
  rss: { goal: 1, least: 1 },
  pss: { goal: 1, least: 1 },
  p99: { limit: LATENCY_LIMIT_MS },
  slowP99: { limit: LATENCY_LIMIT_MS },
  largeRss: { limit: LARGE_LIMIT_MB },
  largeP99: { limit: LATENCY_LIMIT_MS },
};

export const FIGURES: readonly ControlFigure[] = [
  ...common('groups', ''),
  ...restarts('groups', 'restart'),
  ...common('everybody', 'all'),
  ...common('large', 'large'),
  ...restarts('large', 'largeRestart'),
].map((figure) => ({ ...figure, ...MARKS[figure.key] }));
