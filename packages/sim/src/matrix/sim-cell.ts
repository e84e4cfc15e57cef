/** Runs one cell in a world of models: the steps that cell.ts lists, on a virtual clock. */
import type { Path } from '@warren/core/engines/paths';
import { type Endpoint, endpointAddress } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import { EndpointType } from '@warren/core/netmap/own';
import type { Crypto } from '@warren/core/ports';
import { judge, methodOf, type ReachedEnd } from '../demo/verdict.js';
import type { SimNode } from '../node/sim-node.js';
import type { Topology } from '../topology/types.js';
import { Echo } from '../traffic/echo.js';
import { transfer } from '../traffic/transfer.js';
import { SimWorld } from '../world/sim-world.js';
import {
  askEveryMs,
  type CellOutcome,
  directWaitMs,
  type MatrixCell,
  settleMs,
  transferBytes,
} from './cell.js';
import { cellTopology } from './cell-topology.js';

const SEED = 1;
const JOIN_LIMIT_MS = 30_000;
/** A direct path is trusted a round trip after it is found. */
const TRUST_MS = 1_000;
const WARM_UP_BYTES = 1000;
const RTT_SAMPLES = 5;
const RTT_INTERVAL_MS = 200;

export interface SimCellOptions {
  readonly crypto: Crypto;
  readonly seed?: number;
  /** Changes the world that the profiles give, such as by what `why` advises. */
  readonly topology?: Topology;
}

export function runSimCell(cell: MatrixCell, options: SimCellOptions): CellOutcome {
  const topology = options.topology ?? cellTopology(cell);
  const world = new SimWorld({ topology, seed: options.seed ?? SEED, crypto: options.crypto });
  const echo = new Echo(world);
  const [from, to] = [world.node('left'), world.node('right')];
  const wireRttMs = wiresOf(world, from, to);
  if (!world.join(JOIN_LIMIT_MS)) return notJoined(world, wireRttMs);
  world.clock.run(settleMs);
  const times = talk(world, echo, from, to);
  world.clock.run(TRUST_MS);
  transfer(world, options.crypto, from, to, WARM_UP_BYTES);
  const before = dataFrames(world, from, to);
  const moved = transfer(world, options.crypto, from, to, transferBytes);
  const rtts = roundTrips(world, echo, from, to);
  const evidence = {
    bestRttMs: rtts[0] ?? null,
    wireRttMs,
    relayDataFrames: dataFrames(world, from, to) - before,
  };
  const actual = judge(evidence);
  return {
    actual,
    method: methodOf({ actual, from: reached(world, from, to), to: reached(world, to, from) }),
    ...times,
    latencyMs: rtts[rtts.length >> 1] ?? null,
    wireRttMs,
    relayDataFramesDuringTransfer: evidence.relayDataFrames,
    problems: moved.intact ? [] : [`of ${transferBytes} bytes ${moved.bytes} arrived intact`],
  };
}

function notJoined({ nodes }: SimWorld, wireRttMs: number): CellOutcome {
  const late = nodes.filter(({ netmap }) => netmap?.peers.size !== nodes.length - 1);
  return {
    actual: 'none',
    method: null,
    firstReplyMs: null,
    directMs: null,
    latencyMs: null,
    wireRttMs,
    relayDataFramesDuringTransfer: null,
    problems: late.map(({ name }) => `${name} has not joined within ${JOIN_LIMIT_MS / 1000} s`),
  };
}

/** Asks until the path is direct; when the first answer came, and when data went straight. */
function talk(
  world: SimWorld,
  echo: Echo,
  from: SimNode,
  to: SimNode,
): Pick<CellOutcome, 'firstReplyMs' | 'directMs'> {
  const { clock } = world;
  const start = clock.now;
  const times: { firstReplyMs: number | null; directMs: number | null } = {
    firstReplyMs: null,
    directMs: null,
  };
  const observer = {
    onMessage: (node: SimNode): void => {
      if (node === from) times.firstReplyMs ??= rounded(clock.now - start);
    },
    onDown: (node: SimNode): void => {
      if (node !== from || !from.isDirectTo(keyOf(to))) return;
      times.directMs ??= rounded(clock.now - start);
    },
  };
  world.observers.push(observer);
  const isDone = (): boolean => times.directMs !== null && times.firstReplyMs !== null;
  while (clock.now - start < directWaitMs && !isDone()) {
    echo.ask(from, to);
    clock.run(askEveryMs);
  }
  world.observers.splice(world.observers.indexOf(observer), 1);
  return times;
}

/** Tenths of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** The shortest first. */
function roundTrips(world: SimWorld, echo: Echo, from: SimNode, to: SimNode): number[] {
  echo.takeRtts();
  for (let count = 0; count < RTT_SAMPLES; count++) {
    echo.ask(from, to);
    world.clock.run(RTT_INTERVAL_MS);
  }
  return echo
    .takeRtts()
    .map(rounded)
    .sort((a, b) => a - b);
}

/** Both directions of the direct way. */
function wiresOf({ internet }: SimWorld, from: SimNode, to: SimNode): number {
  const [a, b] = [from.host.plug, to.host.plug];
  return a === undefined || b === undefined ? 0 : 2 * internet.oneWayMs(a.uplink, b.uplink);
}

function dataFrames({ relays }: SimWorld, a: SimNode, b: SimNode): number {
  return relays.reduce((sum, relay) => sum + relay.dataFrames(keyOf(a), keyOf(b)), 0);
}

/** How `by` reaches `node`. */
function reached(world: SimWorld, node: SimNode, by: SimNode): ReachedEnd {
  const { topology, clock } = world;
  const [path]: readonly (Path | undefined)[] = by.pathsTo(keyOf(node));
  const remote = path?.kind === 'direct' ? path.remote : undefined;
  const own = node.engine?.status(clock.now).endpoints ?? [];
  const isOfType = (type: number, endpoint: Endpoint): boolean =>
    own.some((known) => known.type === type && known.endpoint === endpoint);
  const configured = topology.machines.find(({ name }) => name === node.name)?.staticEndpoints;
  return {
    addresses: node.host.addresses,
    configured: (configured ?? []).filter((each) => each === remote).map(endpointAddress),
    mapped: remote !== undefined && isOfType(EndpointType.portmap, remote),
    remote: remote === undefined ? null : endpointAddress(remote),
  };
}

function keyOf(node: SimNode): NodeKey {
  const { key } = node;
  if (key === undefined) throw new Error(`${node.name} has never started`);
  return key;
}
