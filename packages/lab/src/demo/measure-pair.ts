/**
 * Moves data through pairs that share no machine, at the same time, and judges each by what wires and relays
 * saw. The round trips that decide are measured while nothing but round trips is under way: one packet of
 * each pair at a time is no load.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoPair, Expect } from '@warren/sim/demo/report';
import {
  directLimitMs,
  isAsExpected,
  judge,
  methodOf,
  type PairEvidence,
} from '@warren/sim/demo/verdict';
import type { RoundTrips, Sent } from '../traffic/transfer-sender.js';
import type { World } from '../world/world.js';
import type { PairMember } from './pair-member.js';
import type { PingOutcome } from './ping-pair.js';
import { reachedEnd } from './reached-end.js';
import { relayDataFrames } from './relay-frames.js';
import type { TransferAgents } from './transfer-agents.js';
import { wireRttMs } from './wires.js';

/** Every pair moves this much: enough for TCP to leave slow start and to meet a lost or altered byte. */
export const PAIR_BYTES = 2_000_000;
/** One pair of each method moves this much more: seconds of a path at its work. */
export const BULK_BYTES = 20_000_000;
/** Starts the WireGuard session; a direct path is trusted a round trip later. */
const WARM_UP_BYTES = 1000;
const WARM_UP_MS = 500;

/** Two machines, and how their pings went. */
export interface Couple {
  readonly from: PairMember;
  readonly to: PairMember;
  readonly ping: PingOutcome;
}

/** Of round trips on a busy computer, until one is as short as the wires. */
const MOST_MEASUREMENTS = 5;

/** Infinite where nothing came back. */
function bestOf(trips: RoundTrips | undefined): number {
  return Math.min(...(trips?.rttsMs ?? []));
}

/** What a transfer showed; undefined where nothing came through. */
interface Transfer {
  readonly trips: RoundTrips | undefined;
  readonly sent: Sent | undefined;
  readonly relayDataFrames: number;
}

/** Moves data through couples that share no machine, at the same time. */
export async function transferTogether(
  world: World,
  agents: TransferAgents,
  couples: readonly Pick<Couple, 'from' | 'to'>[],
  bytes: number,
): Promise<Transfer[]> {
  const each = <T>(action: (from: PairMember, to: PairMember, index: number) => Promise<T>) =>
    Promise.all(couples.map(({ from, to }, index) => action(from, to, index)));
  // The first packets of a session go both ways, by design: data never waits for a path to be trusted.
  // The claim is about a session that runs.
  await each((from, to) => agents.send(from.name, to.address, WARM_UP_BYTES, 0));
  await sleep(WARM_UP_MS);
  const before = await each((from, to) => relayDataFrames(world, from.nodeKey, to.nodeKey));
  const trips = await each(async (from, to, index) => {
    let best: RoundTrips | undefined;
    const limitMs = directLimitMs(wireRttMs(world.topology, from.name, to.name));
    // A busy computer only ever adds to a round trip, so trying again can't make a detour look direct. Where
    // a relay carries the data there is nothing to find out.
    for (let count = 0; count < MOST_MEASUREMENTS; count++) {
      const trip = await agents.measure(from.name, to.address);
      if (best === undefined || bestOf(trip) < bestOf(best)) best = trip;
      if (bestOf(best) <= limitMs) break;
      const frames = await relayDataFrames(world, from.nodeKey, to.nodeKey);
      if (frames > (before[index] ?? 0)) break;
    }
    return best;
  });
  const sent = await each((from, to, index) =>
    agents.send(from.name, to.address, bytes, trips[index]?.rttMs ?? 0),
  );
  const after = await each((from, to) => relayDataFrames(world, from.nodeKey, to.nodeKey));
  return couples.map((_couple, index) => ({
    trips: trips[index],
    sent: sent[index],
    relayDataFrames: (after[index] ?? 0) - (before[index] ?? 0),
  }));
}

/** Moves 2 MB through each of some couples that share no machine, and judges them. */
export async function measureTogether(
  world: World,
  agents: TransferAgents,
  couples: readonly Couple[],
  expect: Expect,
): Promise<DemoPair[]> {
  const transfers = await transferTogether(world, agents, couples, PAIR_BYTES);
  return Promise.all(
    couples.map((couple, index) => pairOf(world, couple, transfers[index] ?? nothing, expect)),
  );
}

const nothing: Transfer = { trips: undefined, sent: undefined, relayDataFrames: 0 };

async function pairOf(
  world: World,
  couple: Couple,
  transfer: Transfer,
  expect: Expect,
): Promise<DemoPair> {
  const { topology } = world;
  const { from, to, ping } = couple;
  const evidence = evidenceOf(world, from.name, to.name, transfer);
  const actual = judge(evidence);
  const method = methodOf({
    actual,
    from: await reachedEnd(world, from, to),
    to: await reachedEnd(world, to, from),
  });
  const pair = {
    from: from.name,
    to: to.name,
    expected: expect(topology, from.name, to.name),
    actual,
    method,
    ...ping,
    latencyMs: transfer.trips?.rttMs ?? null,
    wireRttMs: evidence.wireRttMs,
    relayDataFramesDuringTransfer: evidence.relayDataFrames,
    transferredBytes: transfer.sent?.bytes ?? 0,
    intact: transfer.sent?.intact ?? false,
    megabitsPerSecond: transfer.sent?.megabitsPerSecond ?? null,
  };
  return { ...pair, problems: problemsOf(pair, evidence) };
}

/** A pair after it has moved more: its speed is that of the larger part, and it must still be what it was. */
export function withBulk(world: World, pair: DemoPair, transfer: Transfer): DemoPair {
  const evidence = evidenceOf(world, pair.from, pair.to, transfer);
  const actual = judge(evidence);
  const intact = transfer.sent?.intact ?? false;
  const frames = pair.relayDataFramesDuringTransfer ?? 0;
  const problems = [
    ...(actual === pair.actual
      ? []
      : [`was ${pair.actual}, then ${actual} while more data moved: ${evidenceText(evidence)}`]),
    ...(intact ? [] : ['of much data, not all arrived intact']),
  ];
  return {
    ...pair,
    relayDataFramesDuringTransfer: frames + transfer.relayDataFrames,
    transferredBytes: pair.transferredBytes + (transfer.sent?.bytes ?? 0),
    intact: pair.intact && intact,
    megabitsPerSecond: transfer.sent?.megabitsPerSecond ?? pair.megabitsPerSecond,
    problems: [...pair.problems, ...problems],
  };
}

function evidenceOf(world: World, from: string, to: string, transfer: Transfer): PairEvidence {
  const { trips, sent } = transfer;
  const cameThrough = trips !== undefined && sent !== undefined;
  return {
    bestRttMs: cameThrough ? Math.min(...trips.rttsMs) : null,
    wireRttMs: wireRttMs(world.topology, from, to),
    relayDataFrames: transfer.relayDataFrames,
  };
}

function problemsOf(pair: Omit<DemoPair, 'problems'>, evidence: PairEvidence): string[] {
  const problems: string[] = [];
  if (!isAsExpected(pair)) {
    problems.push(`expected ${pair.expected}, was ${pair.actual}: ${evidenceText(evidence)}`);
  }
  if (!pair.intact) problems.push('the data did not arrive intact');
  if (pair.firstReplyMs === null) problems.push('no ping was answered');
  if (pair.expected === 'direct' && pair.directMs === null) problems.push('no ping was direct');
  return problems;
}

function evidenceText({ bestRttMs, wireRttMs, relayDataFrames }: PairEvidence): string {
  if (bestRttMs === null) return 'no data came through';
  const limit = directLimitMs(wireRttMs).toFixed(1);
  return `best round trip ${bestRttMs.toFixed(1)} ms (direct: up to ${limit} ms), ${relayDataFrames ?? '?'} relayed data frames`;
}
