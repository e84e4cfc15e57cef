/** Runs one cell with real NATs and daemons: the steps that @warren/sim/matrix/cell lists. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePublicKey } from '@warren/core/keys/keys';
import { judge, methodOf } from '@warren/sim/demo/verdict';
import {
  askEveryMs,
  type CellOutcome,
  directWaitMs,
  type MatrixCell,
  settleMs,
  transferBytes,
} from '@warren/sim/matrix/cell';
import { cellTopology } from '@warren/sim/matrix/cell-topology';
import type { Topology } from '@warren/sim/topology/types';
import { transferTogether } from '../demo/measure-pair.js';
import { bringUp, loginArguments, startServers } from '../demo/network.js';
import type { PairMember } from '../demo/pair-member.js';
import { pingPair } from '../demo/ping-pair.js';
import { reachedEnd } from '../demo/reached-end.js';
import { TransferAgents } from '../demo/transfer-agents.js';
import { wireRttMs } from '../demo/wires.js';
import { LabError } from '../errors.js';
import { CommandLine } from '../mesh/command-line.js';
import { statusOf, waitForPeers } from '../mesh/machines.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const [LEFT, RIGHT] = ['left', 'right'] as const;

/** What a machine that does not join says at last. */
const CAUSE_CHARS = 300;

export interface LabCellOptions {
  /** Starts Warren's command line: Node.js and its main script. */
  readonly commandLine: readonly string[];
  readonly signal: AbortSignal;
  /** Changes the world that the profiles give, such as by what `why` advises. */
  readonly topology?: Topology;
  /** Looks at the world when the verdict is there, before it ends. */
  readonly whileItStands?: (world: World, cli: CommandLine) => Promise<void>;
}

/** The world of the cell lives as long as this runs. */
export async function runLabCell(cell: MatrixCell, options: LabCellOptions): Promise<CellOutcome> {
  const { signal } = options;
  const topology = options.topology ?? cellTopology(cell);
  const world = await startWorld(topology, { signal });
  try {
    const cli = new CommandLine(world, options.commandLine);
    const outcome = await measure(world, cli);
    await options.whileItStands?.(world, cli);
    return outcome;
  } catch (error) {
    // Whatever broke because the world was ended broke for that reason.
    signal.throwIfAborted();
    throw error;
  } finally {
    await world.close();
  }
}

async function measure(world: World, cli: CommandLine): Promise<CellOutcome> {
  const key = await startServers(world, cli);
  const joined = await Promise.allSettled([
    join(world, cli, LEFT, key),
    join(world, cli, RIGHT, key),
  ]);
  const wires = wireRttMs(world.topology, LEFT, RIGHT);
  const problems = joined.flatMap((result, index) =>
    result.status === 'rejected' ? [causeOf([LEFT, RIGHT][index] ?? '', result.reason)] : [],
  );
  const [from, to] = joined.map((result) => (result.status === 'fulfilled' ? result.value : null));
  if (from === null || from === undefined || to === null || to === undefined) {
    return notJoined(wires, problems);
  }
  await waitForPeers(world, [LEFT, RIGHT]);
  await sleep(settleMs);
  return talk(world, from, to, wires);
}

/** A world that is broken is an error; a machine that can't join is an outcome. */
function causeOf(machine: string, reason: unknown): string {
  if (!(reason instanceof LabError) || reason.code === 'LAB_WORLD_ENDED') throw reason;
  return `${machine} has not joined: ${reason.message.slice(0, CAUSE_CHARS)}`;
}

async function join(
  world: World,
  cli: CommandLine,
  machine: string,
  key: string,
): Promise<PairMember> {
  const address = await bringUp(world, cli, machine, loginArguments(world, machine, key));
  const { self } = await statusOf(world, machine);
  const nodeKey = parsePublicKey('node', self?.nodeKey ?? '');
  if (nodeKey === undefined) throw new Error(`${machine} is up and has no key`);
  return { name: machine, address, nodeKey };
}

function notJoined(wires: number, problems: readonly string[]): CellOutcome {
  return {
    actual: 'none',
    method: null,
    firstReplyMs: null,
    directMs: null,
    latencyMs: null,
    wireRttMs: wires,
    relayDataFramesDuringTransfer: null,
    problems,
  };
}

async function talk(
  world: World,
  from: PairMember,
  to: PairMember,
  wires: number,
): Promise<CellOutcome> {
  const times = await pingPair(world, from, to, {
    count: Math.ceil(directWaitMs / askEveryMs),
    intervalMs: askEveryMs,
  });
  const agents = await TransferAgents.start(world, [LEFT, RIGHT]);
  const [transfer] = await transferTogether(world, agents, [{ from, to }], transferBytes);
  const { trips, sent, relayDataFrames = 0 } = transfer ?? {};
  const cameThrough = trips !== undefined && sent !== undefined;
  const actual = judge({
    bestRttMs: cameThrough ? Math.min(...trips.rttsMs) : null,
    wireRttMs: wires,
    relayDataFrames,
  });
  const ends = {
    from: await reachedEnd(world, from, to),
    to: await reachedEnd(world, to, from),
  };
  await agents.close();
  return {
    actual,
    method: methodOf({ actual, ...ends }),
    ...times,
    latencyMs: trips?.rttMs ?? null,
    wireRttMs: wires,
    relayDataFramesDuringTransfer: relayDataFrames,
    problems: sent?.intact === true ? [] : [`${transferBytes} bytes did not arrive intact`],
  };
}
