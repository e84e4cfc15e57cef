/** What the bench goes through: networks of several shapes, and what is measured on each. */
import { join } from 'node:path';
import { type Contender, tagOwner } from './contenders.js';
import { type ChangeFigures, ControlNetwork, type Joined, type RestartFigures } from './network.js';
import { everybodyPlan, groupsPlan, type NetworkPlan, ringsPlan } from './network-plan.js';

export type StageKey = 'groups' | 'restart' | 'everybody' | 'large' | 'curve';
export const STAGE_KEYS: readonly StageKey[] = [
  ...(['groups', 'restart', 'everybody', 'large', 'curve'] as const),
];

/** How large all is. */
export interface Sizes {
  /** Of `groups` and `restart`. */
  readonly groups: number;
  readonly everybody: number;
  readonly large: number;
  /** Audiences of `curve`, rising. */
  readonly curve: readonly number[];
}

/** A group of `groups`, each node itself among them. */
const GROUP = 100;
const LARGE_GROUP = 50;
/** Small runs have groups too. */
const LEAST_GROUPS = 4;
/** headscale looks at every pair of nodes whenever one joins. */
const THEIR_CURVE_MAX = 1_000;
const CURVE = [100, 300, 1_000, 3_000, 10_000];
/** Of `--nodes`. */
const EVERYBODY_SHARE = 0.25;
const LARGE_TIMES = 5;

/** Of a server at rest; short runs are short here too. */
const IDLE_MAX_MS = 5_000;
const CHANGES_A_SECOND = 10;
/** A change to everybody of a large audience is work for a part of a second. */
const CROWD = 3_000;
const CURVE_CHANGES = { small: 100, crowd: 20 };
const CURVE_A_SECOND = { small: 5, crowd: 1 };

/** Everything by the size of `groups`. */
export function sizesFor(nodes: number, everybody?: number): Sizes {
  const large = LARGE_TIMES * nodes;
  return {
    groups: nodes,
    everybody: everybody ?? Math.max(2, Math.round(EVERYBODY_SHARE * nodes)),
    large,
    curve: CURVE.filter((audience) => audience <= large),
  };
}

export interface CurvePoint {
  readonly audience: number;
  readonly cpuMsPerChange: number;
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
  readonly missing: number;
}

/** What one contender did in one stage of one round; parts that the stage has not are absent. */
export interface Sample {
  readonly nodes: number;
  readonly joined: Joined;
  readonly changes?: ChangeFigures;
  /** The same at one change a second. */
  readonly slow?: ChangeFigures;
  readonly restarts?: readonly RestartFigures[];
  readonly curve?: readonly CurvePoint[];
}

export interface StageOptions {
  readonly sizes: Sizes;
  /** Of each series of changes. */
  readonly seconds: number;
  readonly processes: number;
  readonly limitMs: number;
  /** For databases; on a disk. */
  readonly directory: string;
  readonly headscale: string | undefined;
  readonly profile: string | undefined;
  readonly onProgress: (line: string) => void;
}

export interface Stage {
  readonly key: StageKey;
  /** False: ours alone, and once. */
  readonly isContest: boolean;
  readonly run: (contender: Contender, options: StageOptions) => Promise<Sample>;
}

/** Several stages may be had from one network: joining takes longest. */
export function stagesOf(keys: readonly StageKey[]): readonly Stage[] {
  const wants = (key: StageKey): boolean => keys.includes(key);
  const stages: Stage[] = [];
  if (wants('groups') || wants('restart')) {
    stages.push({
      key: 'groups',
      isContest: true,
      run: (contender, options) => {
        const { groups } = options.sizes;
        const size = Math.min(GROUP, Math.ceil(groups / LEAST_GROUPS));
        const plan = groupsPlan(tagOwner, groups, size);
        const parts = { changes: wants('groups'), restart: wants('restart') };
        return runNetwork('groups', plan, contender, options, parts);
      },
    });
  }
  if (wants('everybody')) {
    stages.push({
      key: 'everybody',
      isContest: true,
      run: (contender, options) => {
        const plan = everybodyPlan(options.sizes.everybody);
        return runNetwork('everybody', plan, contender, options, { changes: true, restart: false });
      },
    });
  }
  if (wants('large')) {
    stages.push({
      key: 'large',
      isContest: false,
      run: (contender, options) => {
        const plan = groupsPlan(tagOwner, options.sizes.large, LARGE_GROUP);
        return runNetwork('large', plan, contender, options, { changes: true, restart: true });
      },
    });
  }
  if (wants('curve')) stages.push({ key: 'curve', isContest: true, run: runCurve });
  return stages;
}

async function withNetwork(
  stage: StageKey,
  plan: NetworkPlan,
  contender: Contender,
  options: StageOptions,
  measure: (network: ControlNetwork, say: (text: string) => void) => Promise<Partial<Sample>>,
): Promise<Sample> {
  const say = (text: string): void => options.onProgress(`${stage} ${contender}: ${text}`);
  say(`${plan.nodes} nodes join`);
  const network = await ControlNetwork.start({
    ...options,
    ...{ contender, plan, directory: join(options.directory, `${stage}-${contender}`) },
    idleMs: Math.min(IDLE_MAX_MS, 1000 * options.seconds),
  });
  try {
    const { joined } = network;
    const { seconds, cpuSeconds, stranded } = joined;
    const took = `joined in ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of processor`;
    say(stranded === 0 ? took : `${took}, ${stranded} had to ask anew`);
    return { nodes: plan.nodes, joined, ...(await measure(network, say)) };
  } finally {
    await network.close();
  }
}

function runNetwork(
  stage: StageKey,
  plan: NetworkPlan,
  contender: Contender,
  options: StageOptions,
  parts: { readonly changes: boolean; readonly restart: boolean },
): Promise<Sample> {
  const { seconds } = options;
  return withNetwork(stage, plan, contender, options, async (network, say) => {
    const sample: { -readonly [Part in keyof Sample]?: Sample[Part] } = {};
    if (parts.changes) {
      sample.changes = await network.measureChanges(CHANGES_A_SECOND, CHANGES_A_SECOND * seconds);
      say(describeChanges(sample.changes));
      sample.slow = await network.measureChanges(1, seconds);
      say(describeChanges(sample.slow));
    }
    if (parts.restart) {
      const restarts: RestartFigures[] = [];
      sample.restarts = restarts;
      for (const kind of contender === 'warren'
        ? (['stock', 'resuming'] as const)
        : ['stock' as const]) {
        const restart = await network.restart(kind);
        say(`restart, ${kind} clients: all are back after ${restart.seconds.toFixed(1)} s`);
        restarts.push(restart);
      }
    }
    return sample;
  });
}

function runCurve(contender: Contender, options: StageOptions): Promise<Sample> {
  const most = contender === 'warren' ? Number.POSITIVE_INFINITY : THEIR_CURVE_MAX;
  const audiences = options.sizes.curve.filter((audience) => audience <= most);
  const plan = ringsPlan(tagOwner, audiences);
  return withNetwork('curve', plan, contender, options, async (network, say) => {
    const curve: CurvePoint[] = [];
    for (const [ring, audience] of audiences.entries()) {
      const size = audience < CROWD ? 'small' : 'crowd';
      const figures = await network.measureChanges(
        CURVE_A_SECOND[size],
        CURVE_CHANGES[size],
        plan.speakers[ring],
      );
      say(`audience ${audience}: ${describeChanges(figures)}`);
      const { cpuMsPerChange, lastP50Ms, lastP99Ms, missing } = figures;
      curve.push({ audience, cpuMsPerChange, lastP50Ms, lastP99Ms, missing });
    }
    return { curve };
  });
}

function describeChanges(figures: ChangeFigures): string {
  const { perSecond, lastP50Ms, lastP99Ms, lastMaxMs, cpu, cpuMsPerChange, memory } = figures;
  const ms = [lastP50Ms, lastP99Ms, lastMaxMs].map((delay) => delay.toFixed(0)).join('/');
  return (
    `${perSecond} changes a second: p50/p99/max ${ms} ms, ${(100 * cpu).toFixed(1)} % of a processor, ` +
    `${cpuMsPerChange.toFixed(1)} ms a change, ${memory.rssMB.toFixed(0)} MB, ${figures.missing} missing, ${figures.needless} needless, ` +
    `fleet late by ${figures.fleet.delayP99Ms.toFixed(0)} ms`
  );
}
