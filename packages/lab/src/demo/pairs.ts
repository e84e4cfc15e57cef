/**
 * One pair of the demo: ping until direct (or until a direct path can't be expected any more), then move
 * data through the tunnel while the relays' counters are watched.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { endpointAddress, parseEndpoint } from '@warren/core/ip/address';
import { formatPublicKey, type NodeKey } from '@warren/core/keys/keys';
import type { PingLine, StatusReport } from '@warren/node/local-api/protocol';
import { expectedPath } from '@warren/sim/demo/expected';
import type { DemoPair } from '@warren/sim/demo/report';
import type { CommandLine } from '../mesh/command-line.js';
import { scriptArgv } from '../scripts.js';
import type { TransferResult } from '../traffic/transfer-agent.js';
import type { World } from '../world/world.js';
import { relayDataFrames } from './relay-frames.js';
import { directLimitMs, judge, methodOf, type PairEvidence } from './verdict.js';
import { wireRttMs } from './wires.js';

/** Every pair moves this much: enough for TCP to leave slow start and to meet a lost or altered byte. */
export const TRANSFER_BYTES = 2_000_000;
/** Where each machine's receiver listens, inside the mesh. */
export const TRANSFER_PORT = 7100;
/** Five pings a second for ten seconds: two discovery rounds for a pair that stays on its relay. */
const PING_COUNT = 50;
const PING_INTERVAL = '200ms';
/** Starts the WireGuard session; a direct path is trusted a round trip later. */
const WARM_UP_BYTES = 1000;
const WARM_UP_MS = 500;
const PING_TIMEOUT_MS = 90_000;
const TRANSFER_TIMEOUT_MS = 120_000;
/** `warren ping` ends so when only the relay answered (1) or nothing did (2): answers, here. */
const PING_ANSWERS = [1, 2];

export interface PairMember {
  readonly name: string;
  /** Overlay address. */
  readonly address: string;
  readonly nodeKey: NodeKey;
}

interface PingOutcome {
  readonly firstReplyMs: number | null;
  readonly directMs: number | null;
}

/** Pings from one to the other; the times count from the command's start. */
export async function pingPair(
  cli: CommandLine,
  from: PairMember,
  to: PairMember,
): Promise<PingOutcome> {
  const text = await cli.run(
    from.name,
    ['ping', '-c', String(PING_COUNT), '--interval', PING_INTERVAL, to.address, '--json'],
    {
      accept: PING_ANSWERS,
      timeoutMs: PING_TIMEOUT_MS,
    },
  );
  const lines = text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as PingLine);
  return timesOf(lines);
}

function timesOf(lines: readonly PingLine[]): PingOutcome {
  return {
    firstReplyMs: lines.find((line) => line.path !== 'none')?.elapsedMs ?? null,
    directMs: lines.find((line) => line.path === 'direct')?.elapsedMs ?? null,
  };
}

/** Moves data from one to the other and judges the pair by what wires and relays saw. */
export async function measurePair(
  world: World,
  cli: CommandLine,
  from: PairMember,
  to: PairMember,
  ping: PingOutcome,
): Promise<DemoPair> {
  const { topology } = world;
  const expected = expectedPath(topology, from.name, to.name);
  // The first packets of a session go both ways, by design: data never waits for a path to be trusted.
  // The claim is about a session that runs.
  await transferBetween(world, from, to, WARM_UP_BYTES);
  await sleep(WARM_UP_MS);
  const before = await relayDataFrames(world, from.nodeKey, to.nodeKey);
  const transfer = await transferBetween(world, from, to, TRANSFER_BYTES);
  const frames = (await relayDataFrames(world, from.nodeKey, to.nodeKey)) - before;
  const evidence = {
    bestRttMs: transfer === undefined ? null : Math.min(...transfer.rttsMs),
    wireRttMs: wireRttMs(topology, from.name, to.name),
    relayDataFrames: frames,
  };
  const actual = judge(evidence);
  const method = methodOf({
    actual,
    fromAddresses: [world.addressOf(from.name)],
    toAddresses: [world.addressOf(to.name)],
    fromRemote: await remoteOf(cli, to, from),
    toRemote: await remoteOf(cli, from, to),
  });
  const pair = {
    from: from.name,
    to: to.name,
    expected,
    actual,
    method,
    ...ping,
    latencyMs: transfer?.rttMs ?? null,
    wireRttMs: evidence.wireRttMs,
    relayDataFramesDuringTransfer: frames,
    transferredBytes: transfer?.bytes ?? 0,
    intact: transfer?.intact ?? false,
    megabitsPerSecond: transfer?.megabitsPerSecond ?? null,
  };
  return { ...pair, problems: problemsOf(pair, evidence) };
}

function problemsOf(pair: Omit<DemoPair, 'problems'>, evidence: PairEvidence): string[] {
  const problems: string[] = [];
  if (pair.actual !== pair.expected) {
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

async function transferBetween(
  world: World,
  from: PairMember,
  to: PairMember,
  bytes: number,
): Promise<TransferResult | undefined> {
  const target = `${to.address}:${TRANSFER_PORT}`;
  const argv = scriptArgv('traffic/transfer-agent', 'send', target, String(bytes));
  const result = await world.run(from.name, argv, { timeoutMs: TRANSFER_TIMEOUT_MS });
  return result.code === 0 ? (JSON.parse(result.stdout) as TransferResult) : undefined;
}

/** The address that `of` uses to reach `peer` directly. */
async function remoteOf(
  cli: CommandLine,
  of: PairMember,
  peer: PairMember,
): Promise<string | null> {
  const status = await cli.json<StatusReport>(of.name, ['status']);
  const path = status.peers.find(
    (candidate) => candidate.nodeKey === formatPublicKey('node', peer.nodeKey),
  );
  const endpoint = parseEndpoint(path?.endpoint ?? '');
  return endpoint === undefined ? null : endpointAddress(endpoint);
}
