/**
 * Brings a topology's network up: the hub (control and relay) on its first host, relays on all others, then a
 * daemon on every machine that joins with the one line a hub prints.
 */
import { assert } from '@warren/core/base/assert';
import { STATIC_ENDPOINTS_VARIABLE } from '@warren/node/config/settings';
import type { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon } from '../mesh/machines.js';
import { createKey, hubUrl, type RegionNames, startHub, startRelay } from '../mesh/servers.js';
import { ofFamily } from '../topology/ipv6.js';
import type { World } from '../world/world.js';
import { interfaceAddresses } from './reached-end.js';

/** Of the first host; further ones count on. */
const FIRST_REGION_ID = 901;

/** Starts the relays and the hub, with all their addresses; answers a key that joins machines. */
export async function startServers(world: World, cli: CommandLine): Promise<string> {
  const hub = hubOf(world);
  const relays = world.topology.hosts.slice(1);
  const files = relays.map(({ name }) => `/run/${name}.json`);
  for (const [index, { name }] of relays.entries()) {
    const names = regionNames(world, index + 1);
    const region = await startRelay(world, cli, name, names, ipv6Flags(world, name));
    await world.run(hub, ['sh', '-c', `cat > ${files[index] ?? ''}`], { input: region });
  }
  const flags = files.flatMap((file) => ['--derp-region-file', file]);
  await startHub(world, cli, hub, regionNames(world, 0), [...flags, ...ipv6Flags(world, hub)]);
  const { key } = await createKey(world, cli, hub, ['--reusable']);
  return key;
}

/** The host that control runs on. */
function hubOf({ topology }: World): string {
  const [hub] = topology.hosts;
  assert(hub !== undefined, 'a world that machines join has a host');
  return hub.name;
}

/** A relay region is called as the region of its host, a further one there as its host. */
function regionNames({ topology }: World, index: number): RegionNames {
  const host = topology.hosts[index];
  assert(host !== undefined, 'a relay region has a host');
  const isTaken = topology.hosts.slice(0, index).some(({ region }) => region === host.region);
  const code = isTaken ? host.name : host.region;
  return { id: FIRST_REGION_ID + index, code, name: code.replace(/^./, (c) => c.toUpperCase()) };
}

/** What tells a server of its IPv6 address; nothing where it has none. */
function ipv6Flags({ topology }: World, host: string): string[] {
  const addresses = topology.hosts.find(({ name }) => name === host)?.addresses ?? [];
  const [address] = ofFamily(addresses, 6);
  return address === undefined ? [] : ['--listen', ':443', '--ipv6', address];
}

/** The arguments that join a machine. One with IPv6 alone asks the hub at its IPv6 address. */
export function loginArguments(world: World, machine: string, key: string): readonly string[] {
  const hub = hubOf(world);
  const [hub6] = ofFamily(world.topology.hosts[0]?.addresses ?? [], 6);
  const needsIpv6 = ofFamily(interfaceAddresses(world.topology, machine), 4).length === 0;
  const url = needsIpv6 && hub6 !== undefined ? `https://[${hub6}]` : hubUrl(world, hub);
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
