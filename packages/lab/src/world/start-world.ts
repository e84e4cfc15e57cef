/** Starts a world: namespaces, wires, NATs, views, delays; then waits until packets pass. */

import { familyOf } from '@warren/core/ip/address';
import { publicAddressesOf, type Topology } from '@warren/sim/topology/types';
import { startCopier } from '../delay/copier.js';
import { LabError } from '../errors.js';
import { rememberWorld, requireFreeName } from '../kept-worlds.js';
import { buildCommands, type Delayer, spaceScript, type WorldCommands } from '../topology/build.js';
import { throughNat64 } from '../topology/nat64.js';
import { planTopology } from '../topology/plan.js';
import { checkTopology } from '../topology/validate.js';
import { cleanEnvironment, WorldChannel } from './channel.js';
import { startCrossTraffic } from './cross-traffic.js';
import { startNat64Translators } from './nat64-translators.js';
import { startPortMappingServers } from './port-mapping-servers.js';
import { enterNetwork, viewsScript } from './views.js';
import { World } from './world.js';

export interface WorldOptions {
  /** Name under which the world can live on after us; see {@link World.detach}. */
  readonly keep?: string;
  /** Closes the world, also while it starts. */
  readonly signal?: AbortSignal;
  /** How delays are made. Absent: netem where the kernel has it, else the copier. */
  readonly delayer?: Delayer;
}

/** Building takes 0.2 s; this is for a machine in trouble. */
const buildMs = 20_000;

/** A new bridge port or veth may swallow a first packet: pings of a new world repeat after this. */
const settleIntervalSeconds = '0.1';

/**
 * Starts a world. Resolves when packets pass between its places; throws a LabError and leaves nothing
 * behind otherwise.
 */
export async function startWorld(topology: Topology, options: WorldOptions = {}): Promise<World> {
  const { keep, signal } = options;
  checkTopology(topology);
  if (keep !== undefined) requireFreeName(keep);
  signal?.throwIfAborted();
  const channel = await WorldChannel.start(keep !== undefined);
  const abort = (): void => void channel.close();
  signal?.addEventListener('abort', abort, { once: true });
  void channel.ended.then(() => signal?.removeEventListener('abort', abort));
  try {
    signal?.throwIfAborted();
    const delayer = options.delayer ?? ((await hasNetem(channel)) ? 'netem' : 'copier');
    const world = new World(channel, topology, delayer, keep);
    await build(world, buildCommands(planTopology(topology), delayer));
    if (keep !== undefined) {
      const { pid, views, holders } = world;
      rememberWorld({ name: keep, pid, views, holders });
    }
    return world;
  } catch (error) {
    await channel.close();
    signal?.throwIfAborted();
    throw error;
  }
}

/** True when the kernel has netem; asked in the new world, whose loopback nobody uses yet. */
async function hasNetem(channel: WorldChannel): Promise<boolean> {
  const script = 'tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root';
  const child = channel.spawn({
    argv: ['sh', '-c', script],
    env: cleanEnvironment(),
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    timeoutMs: buildMs,
  });
  return (await child.exited).code === 0;
}

async function build(world: World, commands: WorldCommands): Promise<void> {
  await must(world, 'world', ['ip', '-batch', '-'], commands.create);
  await Promise.all([
    openViews(world),
    ...commands.spaces.map(async (space) => {
      const argv = [...enterNetwork(space.space.name), 'sh', '-s'];
      await must(world, 'world', argv, spaceScript(space));
    }),
  ]);
  if (commands.copierLinks.length > 0) {
    world.adoptCopier(await startCopier(world, commands.copierLinks));
  }
  await startNat64Translators(world);
  const [servers] = await Promise.all([startPortMappingServers(world), settle(world)]);
  world.adoptPortMappingServers(servers);
  startCrossTraffic(world);
}

/** Runs a building step and gives its stdout; throws LAB_WORLD_BUILD with what it said. */
async function must(
  world: World,
  place: string,
  argv: readonly string[],
  input: string,
): Promise<string> {
  const result = await world.run(place, argv, { input, timeoutMs: buildMs });
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim() || result.stdout.trim() || 'no answer in time';
  throw new LabError(
    'LAB_WORLD_BUILD',
    `building the world failed: ${argv.join(' ')}: ${said}`,
    'start it again; if it fails again, run `warren demo --install-deps`',
  );
}

async function openViews(world: World): Promise<void> {
  const hosts = world.topology.hosts.map(({ name }) => [name, world.addressOf(name)] as const);
  const holders = await must(world, 'world', ['sh', '-s'], viewsScript(world.views, hosts));
  for (const line of holders.trim().split('\n')) {
    const [place, pid] = line.split(' ');
    if (place !== undefined && pid !== undefined) world.adoptView(place, Number(pid));
  }
}

/** Whether a machine reaches IPv4 by translation alone. */
function hasNat64({ machines, networks }: Topology, name: string): boolean {
  const at = machines.find((machine) => machine.name === name)?.at;
  const network = at?.kind === 'lan' ? at.network : undefined;
  return networks.some((candidate) => candidate.name === network && candidate.nat64 === true);
}

/** Waits until each machine and host hears from another place of the internet, in each of its families. */
async function settle(world: World): Promise<void> {
  const { topology, views } = world;
  await Promise.all(
    views.flatMap((name) => {
      const own = publicAddressesOf(topology, name);
      return [...new Set(own.map(familyOf))].map(async (family) => {
        const target = views
          .flatMap((other) => publicAddressesOf(topology, other))
          .find((address) => familyOf(address) === family && !own.includes(address));
        if (target === undefined) return;
        const ping = ['ping', '-n', '-q', '-c', '1', '-w', '10', '-i', settleIntervalSeconds];
        const isTranslated = family === 4 && hasNat64(topology, name);
        await must(world, name, [...ping, isTranslated ? throughNat64(target) : target], '');
      });
    }),
  );
}
