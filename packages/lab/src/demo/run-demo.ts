/**
 * `warren demo`: a small internet out of real Linux NATs, the real daemon on four machines, and which pairs
 * talk directly. Everything lives in one world and ends with it, whatever happens.
 */
import { performance } from 'node:perf_hooks';
import { assert } from '@warren/core/base/assert';
import { parsePublicKey } from '@warren/core/keys/keys';
import type { StatusReport } from '@warren/node/local-api/protocol';
import type { DemoEvent, DemoMachine, DemoPair, DemoReport } from '@warren/sim/demo/report';
import { natOf, regionOf } from '@warren/sim/topology/types';
import { requireFreeName } from '../kept-worlds.js';
import { CommandLine } from '../mesh/command-line.js';
import { waitForPeers } from '../mesh/machines.js';
import { requireLab } from '../requirements.js';
import { scriptArgv } from '../scripts.js';
import { fourMachines } from '../topology/four-machines.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { bringUp, startServers } from './network.js';
import { measurePair, type PairMember, pingPair, TRANSFER_PORT } from './pairs.js';

export interface DemoOptions {
  /** Starts Warren's command line: Node.js and its main script. */
  readonly commandLine: readonly string[];
  /** Leaves the world running; `warren lab shell` enters it, `warren lab down` ends it. */
  readonly keep: boolean;
  /** Installs missing system packages first. */
  readonly installDeps: boolean;
  readonly signal: AbortSignal;
}

/** Name of the kept world. */
export const DEMO_WORLD = 'demo';

export async function runDemo(
  options: DemoOptions,
  report: (event: DemoEvent) => void,
): Promise<DemoReport> {
  const startedAt = performance.now();
  const stage = (message: string): void => report({ type: 'stage', message });
  if (options.keep) requireFreeName(DEMO_WORLD);
  await requireLab({ install: options.installDeps, onProgress: stage });
  stage('building two regions, three NATs and four machines out of namespaces');
  const world = await startWorld(fourMachines, {
    signal: options.signal,
    ...(options.keep ? { keep: DEMO_WORLD } : {}),
  });
  let kept = false;
  try {
    const cli = new CommandLine(world, options.commandLine);
    stage('starting the hub in the east and a relay in the west');
    const join = await startServers(world, cli);
    stage('starting a daemon on each machine and joining it');
    const machines = world.topology.machines.map((machine) => machine.name);
    const addresses = await Promise.all(
      machines.map((machine) => bringUp(world, cli, machine, join)),
    );
    await waitForPeers(world, machines);
    const members = await describeMembers(cli, machines, addresses);
    const pairs = await measureAll(world, cli, members, report);
    if (options.keep) {
      await world.detach();
      kept = true;
      report({ type: 'kept', machines: [...machines, ...hostsOf(world)] });
    }
    return {
      world: 'lab',
      machines: members.map((member) => describeMachine(world, member)),
      pairs,
      durationMs: Math.round(performance.now() - startedAt),
      ok: pairs.every((pair) => pair.problems.length === 0),
    };
  } finally {
    if (!kept) await world.close();
  }
}

/** Places that serve the machines: hub and relay. */
function hostsOf({ topology }: World): string[] {
  return topology.hosts.map(({ name }) => name);
}

async function describeMembers(
  cli: CommandLine,
  machines: readonly string[],
  addresses: readonly string[],
): Promise<PairMember[]> {
  return Promise.all(
    machines.map(async (name, index) => {
      const status = await cli.json<StatusReport>(name, ['status']);
      const nodeKey = parsePublicKey('node', status.self?.nodeKey ?? '');
      assert(nodeKey !== undefined, 'a node that is up has a key');
      return { name, address: addresses[index] ?? '', nodeKey };
    }),
  );
}

function describeMachine(world: World, member: PairMember): DemoMachine {
  return {
    name: member.name,
    region: regionOf(world.topology, member.name) ?? '',
    nat: natOf(world.topology, member.name),
    address: member.address,
  };
}

async function measureAll(
  world: World,
  cli: CommandLine,
  members: readonly PairMember[],
  report: (event: DemoEvent) => void,
): Promise<DemoPair[]> {
  const couples = members.flatMap((from, index) =>
    members.slice(index + 1).map((to) => ({ from, to })),
  );
  report({
    type: 'stage',
    message: `pinging all ${couples.length} pairs, each until it is direct, for ten seconds at most`,
  });
  let answered = 0;
  const pinged = await Promise.all(
    couples.map(async ({ from, to }) => {
      const ping = await pingPair(cli, from, to);
      const { directMs } = ping;
      const count = { done: ++answered, of: couples.length };
      report({ type: 'pinged', from: from.name, to: to.name, directMs, ...count });
      return { from, to, ping };
    }),
  );
  report({ type: 'stage', message: 'moving 2 MB through each pair, with the hash checked' });
  for (const member of members) {
    world.exec(
      member.name,
      scriptArgv('traffic/transfer-agent', 'receive', `0.0.0.0:${TRANSFER_PORT}`),
      { stdout: 'ignore', stderr: 'ignore' },
    );
  }
  // One after another: a transfer beside it would show in a pair's round trip.
  const pairs: DemoPair[] = [];
  for (const { from, to, ping } of pinged) {
    const pair = await measurePair(world, cli, from, to, ping);
    pairs.push(pair);
    report({ type: 'pair', pair, done: pairs.length, of: couples.length });
  }
  return pairs;
}
