/**
 * Brings the demo's network up: a relay in the west, the hub (control and relay) in the east, then a daemon
 * on every machine that joins with the one line a hub prints.
 */
import { STATIC_ENDPOINTS_VARIABLE } from '@warren/node/config/settings';
import type { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon } from '../mesh/machines.js';
import { createKey, hubUrl, startHub, startRelay } from '../mesh/servers.js';
import { ofFamily } from '../topology/ipv6.js';
import type { World } from '../world/world.js';
import { interfaceAddresses } from './reached-end.js';

const COPIED_REGION_FILE = '/run/west.json';

/** Places that run relays, for counting frames. */
export const RELAY_PLACES = ['hub', 'relay-west'] as const;

/** Starts the relay and the hub, with all their addresses; answers a key that joins machines. */
export async function startServers(world: World, cli: CommandLine): Promise<string> {
  const west = { id: 902, code: 'west', name: 'West' };
  const region = await startRelay(world, cli, 'relay-west', west, ipv6Flags(world, 'relay-west'));
  await world.run('hub', ['sh', '-c', `cat > ${COPIED_REGION_FILE}`], { input: region });
  const east = { id: 901, code: 'east', name: 'East' };
  const flags = ['--derp-region-file', COPIED_REGION_FILE, ...ipv6Flags(world, 'hub')];
  await startHub(world, cli, 'hub', east, flags);
  const { key } = await createKey(world, cli, 'hub', ['--reusable']);
  return key;
}

/** What tells a server of its IPv6 address; nothing where it has none. */
function ipv6Flags({ topology }: World, host: string): string[] {
  const addresses = topology.hosts.find(({ name }) => name === host)?.addresses ?? [];
  const [address] = ofFamily(addresses, 6);
  return address === undefined ? [] : ['--listen', ':443', '--ipv6', address];
}

/** The arguments that join a machine. One with IPv6 alone asks the hub at its IPv6 address. */
export function loginArguments(world: World, machine: string, key: string): readonly string[] {
  const { hosts } = world.topology;
  const [hub6] = ofFamily(hosts.find(({ name }) => name === 'hub')?.addresses ?? [], 6);
  const needsIpv6 = ofFamily(interfaceAddresses(world.topology, machine), 4).length === 0;
  const url = needsIpv6 && hub6 !== undefined ? `https://[${hub6}]` : hubUrl(world, 'hub');
  return ['--login-server', url, '--auth-key', key];
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
