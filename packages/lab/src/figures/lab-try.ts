/**
 * One cold try of a pair behind real hard NATs: both daemons are new, know of no earlier try, and their routers have
 * no flows. From the first packet until one was answered directly, or until an attempt has failed: there is no second.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '@warren/node/local-api/protocol';
import { attemptPings, failedAttempts, failureReasons } from '@warren/sim/figures/attempt-counters';
import { hardPairWires, type Lane } from '@warren/sim/figures/hard-pairs';
import { attemptLimitMs, type HardTry } from '@warren/sim/figures/hard-try';
import type { OneHubNetwork } from '../faults/one-hub-network.js';
import { NODE_STATE } from '../mesh/places.js';
import { timesOf } from '../world/process-numbers.js';
import { directLimitMs, type Packet, readPackets } from './packets.js';

/** What daemons keep of networks over restarts. */
const MEMORY_FILE = `${NODE_STATE}/networks.json`;
/** Each end's last word about its NAT has reached the other, and nothing is under way any more. */
const SETTLE_MS = 1500;
/** A look at a daemon's counters costs it a little: seldom, and only once plain pings would have met. */
const LOOK_EVERY_MS = 500;
const POLL_MS = 10;

export interface LabTry extends HardTry {
  /** Round trips of the packets that the relay carried meanwhile, in milliseconds. */
  readonly relayedMs: readonly number[];
}

/**
 * Kills both daemons, has everybody forget, and starts them anew, with `env` beside what they always have; resolves
 * when they know their NATs and each other.
 */
export async function freshPair(
  network: OneHubNetwork,
  lane: Lane,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const machines = [lane.left, lane.right];
  await Promise.all(machines.map((machine) => network.killDaemon(machine)));
  for (const machine of machines) {
    rmSync(network.world.path(machine, MEMORY_FILE), { force: true });
  }
  await startPair(network, lane, env);
}

/** Starts both daemons where none runs; `env` is theirs. */
async function startPair(
  network: OneHubNetwork,
  { left, right, routers }: Lane,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  for (const router of [routers.left, routers.right]) {
    await network.sh(router, 'conntrack -F 2>/dev/null');
  }
  await Promise.all([left, right].map((machine) => network.startDaemon(machine, [], env)));
  for (const [machine, peer] of [
    [left, right],
    [right, left],
  ] as const) {
    await network.statusUntil(machine, 'a NAT that is known', (status) => {
      const found = status.peers.find(({ hostName }) => hostName === peer);
      // Filtering is what a check finds out last.
      const isDescribed = (status.self?.nat?.filtering ?? null) !== null;
      return isDescribed && found?.online === true && found.relay !== null;
    });
  }
  await sleep(SETTLE_MS);
}

/** `index`: who speaks first changes with it. */
export async function tryOnce(network: OneHubNetwork, lane: Lane, index: number): Promise<LabTry> {
  const [from, to] = index % 2 === 0 ? [lane.left, lane.right] : [lane.right, lane.left];
  const before = await evidence(network, lane);
  const packets = await talk(network, lane, from, to);
  const after = await evidence(network, lane);
  const limitMs = directLimitMs(hardPairWires);
  const direct = packets.filter(({ rttMs }) => rttMs <= limitMs);
  const [left = {}, right = {}] = after.counters;
  const failures = [...new Set(after.counters.flatMap(failureReasons))];
  const isWon = direct.length > 0 && failures.length === 0;
  const firstOf = (times: readonly number[]): number | null =>
    isWon ? Math.round(Math.min(...times)) : null;
  return {
    directFromMs: firstOf(direct.map(({ sentMs }) => sentMs)),
    directMs: firstOf(direct.map(({ sentMs, rttMs }) => sentMs + rttMs)),
    failures,
    probes: { left: attemptPings(left), right: attemptPings(right) },
    conntrackEntries: {
      left: after.entries.left - before.entries.left,
      right: after.entries.right - before.entries.right,
    },
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    relayedMs: relayedOf(packets),
  };
}

/** Round trips by the relay of a pair that looks for nothing. */
export async function idleRoundTrips(
  network: OneHubNetwork,
  lane: Lane,
  durationMs: number,
): Promise<readonly number[]> {
  const packets = await readPackets(network.world, lane.left, network.addressOf(lane.right), {
    limitMs: durationMs,
    isEnough: () => false,
  });
  return relayedOf(packets);
}

/** Those that went and came by the relay, once the session stood. */
function relayedOf(packets: readonly Packet[]): number[] {
  const { directRttMs, relayRttMs } = hardPairWires;
  const relayedFromMs = relayRttMs - (relayRttMs - directRttMs) / 4;
  return packets
    .filter(({ sentMs, rttMs }) => sentMs > 2 * relayRttMs && rttMs >= relayedFromMs)
    .map(({ rttMs }) => rttMs);
}

async function talk(
  network: OneHubNetwork,
  lane: Lane,
  from: string,
  to: string,
): Promise<readonly Packet[]> {
  const limitMs = directLimitMs(hardPairWires);
  const state = { hasFailed: false, isOver: false };
  const watch = async (): Promise<void> => {
    let sinceMs = 0;
    while (!state.isOver && !state.hasFailed) {
      await sleep(POLL_MS);
      sinceMs += POLL_MS;
      if (sinceMs < LOOK_EVERY_MS) continue;
      sinceMs = 0;
      const [left, right] = await statuses(network, lane);
      state.hasFailed = [left, right].some(({ counters }) => failedAttempts(counters) > 0);
    }
  };
  const watched = watch();
  try {
    return await readPackets(network.world, from, network.addressOf(to), {
      limitMs: attemptLimitMs,
      isEnough: (packet) => packet.rttMs <= limitMs || state.hasFailed,
    });
  } finally {
    state.isOver = true;
    await watched;
  }
}

interface Evidence {
  readonly counters: readonly StatusReport['counters'][];
  readonly entries: { readonly left: number; readonly right: number };
  readonly cpuSeconds: number;
}

/** First what moves on by itself. */
async function evidence(network: OneHubNetwork, lane: Lane): Promise<Evidence> {
  const { left, right, routers } = lane;
  const cpuSeconds = cpuSecondsOf(network, left) + cpuSecondsOf(network, right);
  const entriesOf = async (router: string): Promise<number> =>
    Number(await network.sh(router, 'cat /proc/sys/net/netfilter/nf_conntrack_count'));
  const [entriesLeft, entriesRight] = await Promise.all([
    entriesOf(routers.left),
    entriesOf(routers.right),
  ]);
  const both = await statuses(network, lane);
  return {
    counters: both.map(({ counters }) => counters),
    entries: { left: entriesLeft, right: entriesRight },
    cpuSeconds,
  };
}

function statuses(
  network: OneHubNetwork,
  { left, right }: Lane,
): Promise<[StatusReport, StatusReport]> {
  return Promise.all([network.status(left), network.status(right)]);
}

function cpuSecondsOf(network: OneHubNetwork, machine: string): number {
  return timesOf(network.world, network.pidOf(machine)).cpuSeconds;
}
