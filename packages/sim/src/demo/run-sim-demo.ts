/**
 * `warren demo` where no namespaces can be made, and `warren lab run --sim`: the same machines, the same steps
 * and the same rule for what is direct as in the lab, in a world of models on a virtual clock.
 */
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NodeKey } from '@warren/core/keys/keys';
import type { PingResult } from '@warren/core/path-engine/io';
import type { Crypto } from '@warren/core/ports';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import type { SimNode } from '../node/sim-node.js';
import { describeTopology, natOf, regionOf } from '../topology/types.js';
import { Echo } from '../traffic/echo.js';
import { transfer } from '../traffic/transfer.js';
import type { Observer } from '../world/observer.js';
import { SimWorld } from '../world/sim-world.js';
import { type DemoWorld, demoWorld } from './demo-world.js';
import { dataFrames, keyOf, medianOf, reachedEnd, roundTripsMs, wireRttMs } from './evidence.js';
import type { DemoEvent, DemoMachine, DemoPair, DemoReport, Expect } from './report.js';
import { isAsExpected, judge, methodOf } from './verdict.js';

const DEMO_SEED = 1;
const JOIN_LIMIT_MS = 20_000;
/** Relays are connected and endpoints told. */
const SETTLE_MS = 3_000;
/** As in the lab: five pings a second for fifteen seconds, then 2 MB. */
const PING_COUNT = 75;
const PING_INTERVAL_MS = 200;
const TRANSFER_BYTES = 2_000_000;
/** Starts the session and lets the direct path be trusted. */
const WARM_UP_BYTES = 1000;

export interface SimDemoOptions {
  readonly seed?: number;
  /** Another world than the demo's. */
  readonly world?: DemoWorld;
  readonly signal?: AbortSignal;
}

interface PingTimes {
  firstReplyMs: number | null;
  directMs: number | null;
}

interface Couple extends PingTimes {
  readonly from: SimNode;
  readonly to: SimNode;
}

/** Runs the demo in a few seconds; breaks off between two steps when `signal` says so. */
export async function runSimDemo(
  options: SimDemoOptions,
  report: (event: DemoEvent) => void,
): Promise<DemoReport> {
  const startedAt = performance.now();
  /** The simulation never waits, so nobody else, such as a signal's handler, would ever have a turn. */
  const breathe = async (): Promise<void> => {
    await nextTurn();
    options.signal?.throwIfAborted();
  };
  const stage = (message: string): void => report({ type: 'stage', message });
  const { topology, expect } = options.world ?? demoWorld;
  stage(`simulating ${describeTopology(topology)} in this process`);
  const crypto = createNodeCrypto();
  const seed = options.seed ?? DEMO_SEED;
  const world = new SimWorld({ topology, seed, crypto });
  const echo = new Echo(world);
  if (!world.join(JOIN_LIMIT_MS)) {
    const late = world.nodes.filter(({ netmap }) => netmap?.peers.size !== world.nodes.length - 1);
    stage(`not joined by all: ${late.map(({ name }) => name).join(', ')}`);
  }
  world.clock.run(SETTLE_MS);
  stage('pinging all pairs, each until it is direct, for ten simulated seconds at most');
  const couples = couplesOf(world);
  await pingAll(world, couples, report, breathe);
  stage('moving 2 MB through each pair, with the hash checked');
  const pairs: DemoPair[] = [];
  for (const couple of couples) {
    await breathe();
    const pair = measure(world, crypto, echo, couple, expect);
    pairs.push(pair);
    report({ type: 'pair', pair, done: pairs.length, of: couples.length });
  }
  return {
    world: 'sim',
    machines: world.nodes.map((node) => describe(world, node)),
    pairs,
    durationMs: Math.round(performance.now() - startedAt),
    ok: pairs.every(({ problems }) => problems.length === 0),
  };
}

function describe({ topology }: SimWorld, node: SimNode): DemoMachine {
  return {
    name: node.name,
    region: regionOf(topology, node.name) ?? '',
    nat: natOf(topology, node.name),
    address: node.overlay ?? '',
  };
}

function couplesOf({ nodes }: SimWorld): Couple[] {
  return nodes.flatMap((from, index) =>
    nodes.slice(index + 1).map((to) => ({ from, to, firstReplyMs: null, directMs: null })),
  );
}

/** All pairs at once, as impatient people would. */
async function pingAll(
  world: SimWorld,
  couples: readonly Couple[],
  report: (event: DemoEvent) => void,
  breathe: () => Promise<void>,
): Promise<void> {
  const start = world.clock.now;
  let done = 0;
  const told = (couple: Couple): void => {
    const { from, to, directMs } = couple;
    const count = { done: ++done, of: couples.length };
    report({ type: 'pinged', from: from.name, to: to.name, directMs, ...count });
  };
  const observer: Observer = {
    onPingResult: (node, _id, peer: NodeKey, result: PingResult) => {
      const couple = couples.find(({ from, to }) => from === node && keyOf(to) === peer);
      if (couple === undefined || result.outcome !== 'pong') return;
      const elapsedMs = world.clock.now - start;
      couple.firstReplyMs ??= elapsedMs;
      if (result.path.kind !== 'direct' || couple.directMs !== null) return;
      couple.directMs = elapsedMs;
      told(couple);
    },
  };
  world.observers.push(observer);
  for (let id = 0; id < PING_COUNT; id++) {
    for (const { from, to, directMs } of couples) if (directMs === null) from.ping(keyOf(to), id);
    world.clock.run(PING_INTERVAL_MS);
    await breathe();
  }
  world.observers.splice(world.observers.indexOf(observer), 1);
  for (const couple of couples) if (couple.directMs === null) told(couple);
}

function measure(
  world: SimWorld,
  crypto: Crypto,
  echo: Echo,
  couple: Couple,
  expect: Expect,
): DemoPair {
  const { from, to, firstReplyMs, directMs } = couple;
  transfer(world, crypto, from, to, WARM_UP_BYTES);
  const before = dataFrames(world, from, to);
  const moved = transfer(world, crypto, from, to, TRANSFER_BYTES);
  const rtts = roundTripsMs(world, echo, from, to);
  const latencyMs = medianOf(rtts);
  const evidence = {
    bestRttMs: latencyMs,
    wireRttMs: wireRttMs(world, from, to),
    relayDataFrames: dataFrames(world, from, to) - before,
  };
  const actual = judge(evidence);
  const pair = {
    from: from.name,
    to: to.name,
    expected: expect(world.topology, from.name, to.name),
    actual,
    method: methodOf({
      actual,
      from: reachedEnd(world, from, to),
      to: reachedEnd(world, to, from),
    }),
    firstReplyMs,
    directMs,
    latencyMs,
    wireRttMs: evidence.wireRttMs,
    relayDataFramesDuringTransfer: evidence.relayDataFrames,
    transferredBytes: moved.bytes,
    intact: moved.intact,
    // The packets go at a pace of the simulator's choice.
    megabitsPerSecond: null,
  };
  return { ...pair, problems: problemsOf(pair) };
}

function problemsOf(pair: Omit<DemoPair, 'problems'>): string[] {
  const problems: string[] = [];
  if (!isAsExpected(pair)) {
    problems.push(`expected ${pair.expected}, was ${pair.actual}`);
  }
  if (!pair.intact) problems.push('the data did not arrive intact');
  if (pair.firstReplyMs === null) problems.push('no ping was answered');
  if (pair.expected === 'direct' && pair.directMs === null) problems.push('no ping was direct');
  return problems;
}
