/** What cold tries of a pair behind hard NATs come to: shares, times and costs. Pure. */
import { aboutHardPair, type HardPair } from '@warren/sim/figures/hard-pairs';
import type { HardTry } from '@warren/sim/figures/hard-try';
import { meanOf, quantile, type Share, type Summary, shareOf, summarize } from './statistics.js';

export interface MeanMax {
  readonly mean: number | null;
  readonly max: number | null;
}

export interface RoundTrips {
  readonly samples: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface HardPairReport {
  readonly pair: HardPair;
  readonly about: string;
  readonly world: 'lab' | 'sim';
  readonly tries: number;
  readonly wins: number;
  /** With its 95 % interval. */
  readonly success: Share;
  /** Of wins, in milliseconds: until a packet was sent whose answer came directly, and until that answer. */
  readonly directFromMs: Summary;
  readonly directMs: Summary;
  /** Of all tries, by end. */
  readonly probes: { readonly left: MeanMax; readonly right: MeanMax };
  /** Of wins, in each router. */
  readonly conntrackEntries: { readonly left: MeanMax; readonly right: MeanMax };
  /** Of wins, both daemons together. */
  readonly cpuSeconds: MeanMax;
  /** Of the pair's packets that the relay carried, in milliseconds: where nothing is looked for, and in tries. */
  readonly relayed: { readonly idle: RoundTrips; readonly meanwhile: RoundTrips };
  /** How often attempts failed, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly each: readonly HardTry[];
}

interface HardPairTries {
  readonly pair: HardPair;
  readonly world: 'lab' | 'sim';
  readonly each: readonly HardTry[];
  readonly idleMs: readonly number[];
  readonly meanwhileMs: readonly number[];
}

export function hardPairReport(tries: HardPairTries): HardPairReport {
  const { pair, world, each, idleMs, meanwhileMs } = tries;
  const wins = each.filter(({ directMs }) => directMs !== null);
  const entries = wins.flatMap(({ conntrackEntries }) => conntrackEntries ?? []);
  const known = <T>(values: readonly (T | null)[]): T[] => values.filter((value) => value !== null);
  return {
    pair,
    about: aboutHardPair(pair),
    world,
    tries: each.length,
    wins: wins.length,
    success: shareOf(wins.length, each.length),
    directFromMs: summarize(known(wins.map(({ directFromMs }) => directFromMs))),
    directMs: summarize(known(wins.map(({ directMs }) => directMs))),
    probes: {
      left: meanMax(each.map(({ probes }) => probes.left)),
      right: meanMax(each.map(({ probes }) => probes.right)),
    },
    conntrackEntries: {
      left: meanMax(entries.map(({ left }) => left)),
      right: meanMax(entries.map(({ right }) => right)),
    },
    cpuSeconds: meanMax(known(wins.map(({ cpuSeconds }) => cpuSeconds))),
    relayed: { idle: roundTrips(idleMs), meanwhile: roundTrips(meanwhileMs) },
    failures: countsOf(each.flatMap(({ failures }) => failures)),
    each,
  };
}

function meanMax(values: readonly number[]): MeanMax {
  const mean = meanOf(values);
  return {
    mean: mean === null ? null : Math.round(mean * 100) / 100,
    max: values.length === 0 ? null : Math.round(Math.max(...values) * 100) / 100,
  };
}

function roundTrips(ms: readonly number[]): RoundTrips {
  const at = (share: number): number | null =>
    ms.length === 0 ? null : Math.round(quantile(ms, share) * 10) / 10;
  return { samples: ms.length, p50: at(0.5), p99: at(0.99) };
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** For people. */
export function hardPairText(report: HardPairReport): string {
  const { pair, about, world, tries, wins, success, relayed, probes, conntrackEntries } = report;
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const number = (value: number | null): string => (value === null ? '-' : String(value));
  const times = ({ p50, p95, max }: Summary): string =>
    `p50 ${number(p50)}, p95 ${number(p95)}, max ${number(max)} ms`;
  const both = ({ mean, max }: MeanMax): string => `mean ${number(mean)}, max ${number(max)}`;
  const trips = ({ samples, p50, p99 }: RoundTrips): string =>
    `p50 ${number(p50)}, p99 ${number(p99)} ms of ${samples}`;
  const failures = Object.entries(report.failures).map(([name, count]) => `${name} ${count}`);
  return [
    `${pair} (${world}): ${about}`,
    `  direct           ${wins} of ${tries}: ${percent(success.share)}, ${percent(success.low)} to ${percent(success.high)} with 95 % certainty`,
    ...(failures.length === 0 ? [] : [`  failed attempts  ${failures.join(', ')}`]),
    `  until direct     sent: ${times(report.directFromMs)}; answered: ${times(report.directMs)}`,
    `  probes           left ${both(probes.left)}; right ${both(probes.right)}`,
    ...(world === 'sim'
      ? []
      : [
          `  conntrack        left ${both(conntrackEntries.left)}; right ${both(conntrackEntries.right)} new entries a win`,
          `  CPU              ${both(report.cpuSeconds)} s a win, both daemons together`,
          `  relayed          idle: ${trips(relayed.idle)}; meanwhile: ${trips(relayed.meanwhile)}`,
        ]),
  ].join('\n');
}
