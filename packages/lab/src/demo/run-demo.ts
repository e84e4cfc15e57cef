/**
 * `warren demo` and `warren lab run`: a small internet out of real Linux NATs, the real daemon on each machine,
 * and which pairs talk directly. Everything lives in one world and ends with it, whatever happens.
 */
import { performance } from 'node:perf_hooks';
import { assert } from '@warren/core/base/assert';
import { parsePublicKey } from '@warren/core/keys/keys';
import { type DemoWorld, demoWorld } from '@warren/sim/demo/demo-world';
import type { DemoEvent, DemoMachine, DemoPair, DemoReport, Expect } from '@warren/sim/demo/report';
import { describeTopology, natOf, regionOf } from '@warren/sim/topology/types';
import { requireFreeName } from '../kept-worlds.js';
import { CommandLine } from '../mesh/command-line.js';
import { statusOf, waitForPeers } from '../mesh/machines.js';
import { requireLab } from '../requirements.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { Measurement } from './measurement.js';
import { bringUp, loginArguments, startServers } from './network.js';
import type { PairMember } from './pair-member.js';
import { TransferAgents } from './transfer-agents.js';

export interface DemoOptions {
  /** Starts Warren's command line: Node.js and its main script. */
  readonly commandLine: readonly string[];
  /** Leaves the world running; `warren lab shell` enters it, `warren lab down` ends it. */
  readonly keep: boolean;
  /** Installs missing system packages first. */
  readonly installDeps: boolean;
  /** Another world than the demo's. */
  readonly world?: DemoWorld;
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
  const { topology, expect } = options.world ?? demoWorld;
  stage(`building ${describeTopology(topology)} out of namespaces`);
  const world = await startWorld(topology, {
    signal: options.signal,
    ...(options.keep ? { keep: DEMO_WORLD } : {}),
  });
  let kept = false;
  try {
    const cli = new CommandLine(world, options.commandLine);
    const [hub = '', ...relays] = hostsOf(world);
    const others = relays.length === 0 ? '' : ` and a relay on ${relays.join(', ')}`;
    stage(`starting control and relay on ${hub}${others}`);
    const key = await startServers(world, cli);
    stage('starting a daemon on each machine and joining it');
    const machines = world.topology.machines.map((machine) => machine.name);
    const addresses = await Promise.all(
      machines.map((machine) => bringUp(world, cli, machine, loginArguments(world, machine, key))),
    );
    await waitForPeers(world, machines);
    const members = await describeMembers(world, machines, addresses);
    const pairs = await measureAll(world, members, expect, report);
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
  world: World,
  machines: readonly string[],
  addresses: readonly string[],
): Promise<PairMember[]> {
  return Promise.all(
    machines.map(async (name, index) => {
      const status = await statusOf(world, name);
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
  members: readonly PairMember[],
  expect: Expect,
  report: (event: DemoEvent) => void,
): Promise<DemoPair[]> {
  const measurement = new Measurement({ world, members, expect, report });
  const rounds = await measurement.ping();
  const agents = await TransferAgents.start(
    world,
    members.map(({ name }) => name),
  );
  const pairs = await measurement.transfer(agents, rounds);
  const moved = await measurement.moveMuch(agents, pairs);
  await agents.close();
  return moved;
}
