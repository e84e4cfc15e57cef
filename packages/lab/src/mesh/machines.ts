/** Starts daemons on the machines of a world, joins them, and asks them how they are. */
import { LOCAL_API_HOST, type StatusReport } from '@warren/node/local-api/protocol';
import { LabError } from '../errors.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import type { CommandLine } from './command-line.js';
import { daemonSocketOf, LOG_FILE, until } from './places.js';
import { getJson } from './socket-json.js';

/** What a machine's daemon reports, in whatever state it is; rejects when there is none. */
export function statusOf(world: World, machine: string): Promise<StatusReport> {
  return getJson<StatusReport>(daemonSocketOf(world, machine), LOCAL_API_HOST, '/v0/status');
}

/** Starts a machine's daemon; resolves when it answers. */
export async function startDaemon(
  world: World,
  cli: CommandLine,
  machine: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<WorldProcess> {
  const daemon = cli.start(machine, LOG_FILE, ['daemon', ...flags], { env });
  await until(world, machine, `the daemon of ${machine}`, () => statusOf(world, machine));
  return daemon;
}

/** Joins a machine whose daemon runs; answers its overlay address (IPv4). */
export async function joinMachine(
  world: World,
  cli: CommandLine,
  machine: string,
  joinArguments: readonly string[],
): Promise<string> {
  await cli.run(machine, ['up', ...joinArguments, '--hostname', machine]);
  const status = await statusOf(world, machine);
  const address = status.self?.addresses.find((candidate) => candidate.includes('.'));
  if (address !== undefined) return address;
  throw new LabError('LAB_COMMAND_FAILED', `${machine} has no address`, `see ${LOG_FILE} there`);
}

/** Waits until every machine knows all others and where to reach them. */
export async function waitForPeers(world: World, machines: readonly string[]): Promise<void> {
  for (const machine of machines) {
    await until(world, machine, `the peers of ${machine}`, async () => {
      const status = await statusOf(world, machine);
      const ready = status.peers.filter((peer) => peer.relay !== null);
      if (ready.length < machines.length - 1) throw new Error(`${ready.length} peers are ready`);
    });
  }
}
