/** Runs one cell in a world of models: the steps that cell.ts lists, on a virtual clock. */
import type { Crypto } from '@warren/core/ports';
import {
  dataFrames,
  keyOf,
  medianOf,
  reachedEnd,
  roundTripsMs,
  wireRttMs,
} from '../demo/evidence.js';
import { judge, methodOf } from '../demo/verdict.js';
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
  const wiresMs = wireRttMs(world, from, to);
  if (!world.join(JOIN_LIMIT_MS)) return notJoined(world, wiresMs);
  world.clock.run(settleMs);
  const times = talk(world, echo, from, to);
  world.clock.run(TRUST_MS);
  transfer(world, options.crypto, from, to, WARM_UP_BYTES);
  const before = dataFrames(world, from, to);
  const moved = transfer(world, options.crypto, from, to, transferBytes);
  const rtts = roundTripsMs(world, echo, from, to).map(rounded);
  const evidence = {
    bestRttMs: rtts[0] ?? null,
    wireRttMs: wiresMs,
    relayDataFrames: dataFrames(world, from, to) - before,
  };
  const actual = judge(evidence);
  return {
    actual,
    method: methodOf({
      actual,
      from: reachedEnd(world, from, to),
      to: reachedEnd(world, to, from),
    }),
    ...times,
    latencyMs: medianOf(rtts),
    wireRttMs: wiresMs,
    relayDataFramesDuringTransfer: evidence.relayDataFrames,
    problems: moved.intact ? [] : [`of ${transferBytes} bytes ${moved.bytes} arrived intact`],
  };
}

function notJoined({ nodes }: SimWorld, wiresMs: number): CellOutcome {
  const late = nodes.filter(({ netmap }) => netmap?.peers.size !== nodes.length - 1);
  return {
    actual: 'none',
    method: null,
    firstReplyMs: null,
    directMs: null,
    latencyMs: null,
    wireRttMs: wiresMs,
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
