/**
 * `npm run figures:hard-nats -- [--samples N] [--pair NAME] [--lanes N] [--sim] [--json]`: how often, how fast and at
 * what cost a pair behind hard NATs is direct. Every try is cold: new daemons without memory, routers without flows,
 * one attempt, whose failure is the try's.
 *
 *     lab   pairs in lanes beside each other in one world; all are made fresh, then all try at the same time. Needs root.
 *     sim   the same pairs in models, a world of its own for each try: many more tries, and only shares and probes
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  HARD_PAIRS,
  type HardPair,
  hardPairTopology,
  lanesOf,
} from '@warren/sim/figures/hard-pairs';
import type { HardTry } from '@warren/sim/figures/hard-try';
import type { TryJob } from '@warren/sim/figures/try-job';
import { JobPool } from '@warren/sim/jobs/job-pool';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { requireLab } from '../requirements.js';
import { type HardPairReport, hardPairReport, hardPairText } from './hard-report.js';
import { freshPair, idleRoundTrips, type LabTry, tryOnce } from './lab-try.js';

const LAB_SAMPLES = 30;
const SIM_SAMPLES = 3000;
/** More than that, and starting daemons takes longer than two cores are given between tries. */
const LANES = 3;
/**
 * Cold pairs that look for nothing, to compare with: as new as those that do, since the first packets of new daemons are
 * slower than later ones; and as long as a search takes. Two thousand packets in two lanes.
 */
const IDLE_ROUNDS = 16;
const IDLE_MS = 1_500;
const withoutSearch = { WARREN_DISABLE_HARD_NATS: '1' };

const progress = (text: string): boolean => process.stderr.write(`${text}\n`);

async function inTheLab(pair: HardPair, samples: number, count: number): Promise<HardPairReport> {
  const lanes = lanesOf(Math.min(count, samples));
  const network = await OneHubNetwork.start(
    lanes.flatMap(({ left, right }) => [left, right]),
    {
      topology: hardPairTopology(pair, lanes.length),
      relays: { relay: { id: 902, code: 'other', name: 'Other' } },
    },
  );
  try {
    const idle: number[] = [];
    for (let round = 0; round < IDLE_ROUNDS; round++) {
      await Promise.all(lanes.map((lane) => freshPair(network, lane, withoutSearch)));
      const trips = lanes.map((lane) => idleRoundTrips(network, lane, IDLE_MS));
      idle.push(...(await Promise.all(trips)).flat());
    }
    const each: LabTry[] = [];
    while (each.length < samples) {
      const round = lanes.slice(0, samples - each.length);
      await Promise.all(round.map((lane) => freshPair(network, lane)));
      const first = each.length;
      each.push(
        ...(await Promise.all(round.map((lane, index) => tryOnce(network, lane, first + index)))),
      );
      tell(pair, each, samples);
    }
    return hardPairReport({
      ...{ pair, world: 'lab' },
      each: each.map(({ relayedMs: _relayed, ...one }) => one),
      idleMs: idle,
      meanwhileMs: each.flatMap(({ relayedMs }) => relayedMs),
    });
  } finally {
    await network.close();
  }
}

async function inTheSimulator(pair: HardPair, samples: number): Promise<HardPairReport> {
  const script = fileURLToPath(import.meta.resolve('@warren/sim/figures/try-job'));
  const pool = new JobPool<TryJob, HardTry>(script);
  const { signal } = new AbortController();
  const each: HardTry[] = [];
  try {
    let next = 1;
    const work = async (): Promise<void> => {
      while (next <= samples) {
        each.push(await pool.run({ pair, seed: next++ }, signal));
        if (each.length % 100 === 0) tell(pair, each, samples);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    pool.close();
  }
  return hardPairReport({ pair, world: 'sim', each, idleMs: [], meanwhileMs: [] });
}

function tell(pair: HardPair, each: readonly HardTry[], of: number): void {
  const wins = each.filter(({ directMs }) => directMs !== null).length;
  const last = each.slice(-LANES).map(({ directMs, failures }) => directMs ?? failures.join('+'));
  progress(`${pair}: ${wins} of ${each.length} direct, of ${of}; the last: ${last.join(' ')}`);
}

function parsePairs(names: readonly string[] | undefined): readonly HardPair[] {
  if (names === undefined) return HARD_PAIRS;
  return names.map((name) => {
    const pair = HARD_PAIRS.find((known) => known === name);
    if (pair === undefined) throw new Error(`--pair takes one of ${HARD_PAIRS.join(', ')}`);
    return pair;
  });
}

function parseCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} takes a number`);
  return count;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string' },
      pair: { type: 'string', multiple: true },
      lanes: { type: 'string', default: String(LANES) },
      sim: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const usual = values.sim ? SIM_SAMPLES : LAB_SAMPLES;
  const samples = parseCount('samples', values.samples ?? String(usual));
  const lanes = parseCount('lanes', values.lanes);
  if (!values.sim) await requireLab({ install: false, onProgress: progress });
  const reports: HardPairReport[] = [];
  for (const pair of parsePairs(values.pair)) {
    const report = await (values.sim
      ? inTheSimulator(pair, samples)
      : inTheLab(pair, samples, lanes));
    reports.push(report);
    if (!values.json) process.stdout.write(`${hardPairText(report)}\n`);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
}

await main();
