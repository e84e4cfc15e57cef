/** Starts relays and hubs in the places of a world, and makes the keys that join machines. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import type { CommandLine } from './command-line.js';
import { ADMIN_SOCKET, HUB_STATE, LOG_FILE, RELAY_STATE, STATS_SOCKET, until } from './places.js';

/** How a server's relay region is called. */
export interface RegionNames {
  readonly id: number;
  readonly code: string;
  readonly name: string;
}

/** An auth key as `warren control keys create --json` prints it, as far as the lab needs it. */
export interface CreatedKey {
  readonly id: string;
  readonly key: string;
}

const REGION_FILE = `${RELAY_STATE}/derp-region.json`;

function serverArguments(world: World, place: string, region: RegionNames): string[] {
  return [
    ...['--listen', '0.0.0.0:443', '--host', world.addressOf(place)],
    ...['--region-id', String(region.id), '--region-code', region.code],
    ...['--region-name', region.name, '--stats-socket', STATS_SOCKET],
  ];
}

/** Starts a relay; answers its region as a hub's `--derp-region-file` wants it. */
export async function startRelay(
  world: World,
  cli: CommandLine,
  place: string,
  region: RegionNames,
  flags: readonly string[] = [],
): Promise<string> {
  const { regionFile } = await startRelayProcess(world, cli, place, region, flags);
  return regionFile;
}

/** As {@link startRelay}, for callers that will end it. */
export async function startRelayProcess(
  world: World,
  cli: CommandLine,
  place: string,
  region: RegionNames,
  flags: readonly string[] = [],
): Promise<{ readonly relay: WorldProcess; readonly regionFile: string }> {
  const relay = cli.start(place, LOG_FILE, [
    'relay',
    ...serverArguments(world, place, region),
    ...['--state-dir', RELAY_STATE, ...flags],
  ]);
  const file = world.path(place, REGION_FILE);
  const text = await until(world, place, `the relay of ${place}`, () => readFileSync(file, 'utf8'));
  return { relay, regionFile: text };
}

/** Starts a hub, again or for the first time; resolves when it takes requests. */
export async function startHub(
  world: World,
  cli: CommandLine,
  place: string,
  region: RegionNames,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<WorldProcess> {
  const command = [
    'hub',
    ...serverArguments(world, place, region),
    ...['--state-dir', HUB_STATE, '--admin-socket', ADMIN_SOCKET],
    ...flags,
  ];
  const hub = cli.start(place, LOG_FILE, command, { env });
  const socketPath = world.path(place, ADMIN_SOCKET);
  await until(world, place, 'the hub', () => connectOnce(socketPath));
  return hub;
}

/** Makes an auth key on the hub of `place`. */
export function createKey(
  world: World,
  cli: CommandLine,
  place: string,
  flags: readonly string[] = [],
): Promise<CreatedKey> {
  const command = ['control', '--admin-socket', ADMIN_SOCKET, 'keys', 'create', ...flags];
  return until(world, place, 'the hub', () => cli.json<CreatedKey>(place, command));
}

/** Where the hub of `place` is logged in to. */
export function hubUrl(world: World, place: string): string {
  return `https://${world.addressOf(place)}`;
}

async function connectOnce(socketPath: string): Promise<void> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
