/**
 * Brings the demo's network up: a relay in the west, the hub (control and relay) in the east, then a daemon
 * on every machine that joins with the one line a hub prints.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '@warren/node/local-api/protocol';
import { LabError } from '../errors.js';
import type { World } from '../world/world.js';
import type { CommandLine } from './command-line.js';

/** Starting a process takes a tenth of a second here; this is for a machine in trouble. */
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/** Files inside the places; each place has its own /run and /var/lib. */
export const LOG_FILE = '/run/warren.log';
const RELAY_STATE = '/var/lib/warren/relay';
const STATS_SOCKET = '/run/stats.sock';
const ADMIN_SOCKET = '/run/admin.sock';
const REGION_FILE = `${RELAY_STATE}/derp-region.json`;
const COPIED_REGION_FILE = '/run/west.json';
/** The daemon's socket, at its default path. */
const DAEMON_SOCKET = '/run/warren/warren.sock';

/** Places that run relays, for counting frames. */
export const RELAY_PLACES = ['hub', 'relay-west'] as const;

/** Starts the relay and the hub; answers the arguments that join a machine. */
export async function startServers(world: World, cli: CommandLine): Promise<readonly string[]> {
  cli.start(
    'relay-west',
    LOG_FILE,
    'relay',
    ...['--listen', '0.0.0.0:443', '--host', world.addressOf('relay-west')],
    ...['--region-id', '902', '--region-code', 'west', '--region-name', 'West'],
    ...['--state-dir', RELAY_STATE, '--stats-socket', STATS_SOCKET],
  );
  const regionFile = world.path('relay-west', REGION_FILE);
  const region = await until(world, 'relay-west', 'the relay of the west', () =>
    readFileSync(regionFile, 'utf8'),
  );
  await world.run('hub', ['sh', '-c', `cat > ${COPIED_REGION_FILE}`], { input: region });
  const address = world.addressOf('hub');
  cli.start(
    'hub',
    LOG_FILE,
    'hub',
    ...['--listen', '0.0.0.0:443', '--host', address],
    ...['--region-id', '901', '--region-code', 'east', '--region-name', 'East'],
    ...['--derp-region-file', COPIED_REGION_FILE],
    ...['--state-dir', '/var/lib/warren/hub', '--admin-socket', ADMIN_SOCKET],
    ...['--stats-socket', STATS_SOCKET],
  );
  const keyText = await until(world, 'hub', 'the hub', () =>
    cli.run('hub', [
      'control',
      '--admin-socket',
      ADMIN_SOCKET,
      'keys',
      'create',
      '--reusable',
      '--json',
    ]),
  );
  const { key } = JSON.parse(keyText) as { readonly key: string };
  return ['--login-server', `https://${address}`, '--auth-key', key];
}

/** Starts a machine's daemon and joins it; answers its overlay address (IPv4). */
export async function joinMachine(
  world: World,
  cli: CommandLine,
  machine: string,
  joinArguments: readonly string[],
): Promise<string> {
  cli.start(machine, LOG_FILE, 'daemon');
  await until(world, machine, `the daemon of ${machine}`, () =>
    cli.run(machine, ['status', '--json'], { accept: [1] }),
  );
  await cli.run(machine, ['up', ...joinArguments, '--hostname', machine]);
  const status = await cli.json<StatusReport>(machine, ['status']);
  const address = status.self?.addresses.find((candidate) => candidate.includes('.'));
  if (address !== undefined) return address;
  throw new LabError('LAB_COMMAND_FAILED', `${machine} has no address`, `see ${LOG_FILE} there`);
}

/** Waits until every machine knows all others. */
export async function waitForPeers(
  world: World,
  cli: CommandLine,
  machines: readonly string[],
): Promise<void> {
  for (const machine of machines) {
    await until(world, machine, `the peers of ${machine}`, async () => {
      const status = await cli.json<StatusReport>(machine, ['status']);
      const ready = status.peers.filter((peer) => peer.relay !== null);
      if (ready.length < machines.length - 1) throw new Error(`${ready.length} peers are ready`);
    });
  }
}

/** Repeats `attempt` until it succeeds; in the end the last reason and the place's log are the error. */
async function until<T>(
  world: World,
  place: string,
  what: string,
  attempt: () => T | Promise<T>,
): Promise<T> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new LabError(
          'LAB_NOT_READY',
          `${what} did not come up: ${reason}\n${tailOfLog(world, place)}`,
          'run the demo with --keep and look around with `warren lab shell MACHINE`',
        );
      }
      await sleep(POLL_MS);
    }
  }
}

function tailOfLog(world: World, place: string): string {
  try {
    return readFileSync(world.path(place, LOG_FILE), 'utf8').slice(-1500);
  } catch {
    return '(no log)';
  }
}

/** Unix sockets of a place, as the outside connects to them. */
export const statsSocketOf = (world: World, place: string): string =>
  world.path(place, STATS_SOCKET);
export const daemonSocketOf = (world: World, machine: string): string =>
  world.path(machine, DAEMON_SOCKET);
