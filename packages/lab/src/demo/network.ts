/**
 * Brings the demo's network up: a relay in the west, the hub (control and relay) in the east, then a daemon
 * on every machine that joins with the one line a hub prints.
 */
import { STATIC_ENDPOINTS_VARIABLE } from '@warren/node/config/settings';
import type { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon } from '../mesh/machines.js';
import { createKey, hubUrl, startHub, startRelay } from '../mesh/servers.js';
import type { World } from '../world/world.js';

const COPIED_REGION_FILE = '/run/west.json';

/** Places that run relays, for counting frames. */
export const RELAY_PLACES = ['hub', 'relay-west'] as const;

/** Starts the relay and the hub; answers the arguments that join a machine. */
export async function startServers(world: World, cli: CommandLine): Promise<readonly string[]> {
  const west = { id: 902, code: 'west', name: 'West' };
  const region = await startRelay(world, cli, 'relay-west', west);
  await world.run('hub', ['sh', '-c', `cat > ${COPIED_REGION_FILE}`], { input: region });
  const east = { id: 901, code: 'east', name: 'East' };
  await startHub(world, cli, 'hub', east, ['--derp-region-file', COPIED_REGION_FILE]);
  const { key } = await createKey(world, cli, 'hub', ['--reusable']);
  return ['--login-server', hubUrl(world, 'hub'), '--auth-key', key];
}

/**
 * Starts a machine's daemon and joins it; answers its overlay address (IPv4). What its owner configures
 * reaches it by the environment, as in a service's unit.
 */
export async function bringUp(
  world: World,
  cli: CommandLine,
  machine: string,
  joinArguments: readonly string[],
): Promise<string> {
  const configured = world.topology.machines.find(({ name }) => name === machine)?.staticEndpoints;
  const env = configured === undefined ? {} : { [STATIC_ENDPOINTS_VARIABLE]: configured.join(',') };
  await startDaemon(world, cli, machine, [], env);
  return joinMachine(world, cli, machine, joinArguments);
}
