/** Warren as people run it: a hub, two daemons that it joins, and a direct path between them. */
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { HUB_STATE } from '../mesh/places.js';
import { scriptArgv } from '../scripts.js';
import { runOrThrow } from '../world/run-or-throw.js';
import { filterFile } from './filter-rules.js';
import { firstAnswers, type Tunnel } from './tunnel.js';
import { LEFT, RIGHT, twoMachines } from './two-machines.js';

const FILTER_FILE = '/run/filter.json';
/** The hub's region in OneHubNetwork. */
const REGION_ID = 901;
/** The hub tells a thousand machines to two daemons, on a busy computer. */
const DIRECT_MS = 60_000;

export interface WarrenOptions {
  /** Of both daemons. */
  readonly env?: Readonly<Record<string, string>>;
  /** Machines of the network that are away. */
  readonly crowd?: number;
  /** Rules of the packet filter before the one that lets the bench in; absent: the hub has no filter file. */
  readonly rules?: number;
}

export async function startWarren(options: WarrenOptions = {}): Promise<Tunnel> {
  const { env = {}, crowd = 0, rules } = options;
  const network = await OneHubNetwork.start([LEFT, RIGHT], {
    topology: twoMachines,
    env: { [LEFT]: env, [RIGHT]: env },
    hubFlags: rules === undefined ? [] : ['--packet-filter-file', FILTER_FILE],
    beforeServers: async (world) => {
      if (crowd > 0) {
        const crowdOf = [HUB_STATE, String(crowd), String(REGION_ID)];
        await runOrThrow(world, 'hub', scriptArgv('bench/crowd', ...crowdOf));
      }
      if (rules === undefined) return;
      const input = filterFile(rules);
      await runOrThrow(world, 'hub', ['sh', '-c', `cat > ${FILTER_FILE}`], { input });
    },
  });
  try {
    return await meet(network, crowd);
  } catch (error) {
    await network.close();
    throw error;
  }
}

async function meet(network: OneHubNetwork, crowd: number): Promise<Tunnel> {
  const { world } = network;
  const status = await network.statusUntil(RIGHT, 'all peers', ({ peers }) => peers.length > crowd);
  await network.statusUntil(LEFT, 'all peers', ({ peers }) => peers.length > crowd);
  const v6 = status.self?.addresses.find((address) => address.includes(':'));
  const targets = { 4: network.addressOf(RIGHT), ...(v6 === undefined ? {} : { 6: v6 }) };
  await firstAnswers({ world, targets });
  const isDirect = (machine: string, peer: string, limitMs?: number): Promise<unknown> =>
    network.statusUntil(
      machine,
      `a direct path to ${peer}`,
      ({ peers }) => peers.find(({ hostName }) => hostName === peer)?.path === 'direct',
      limitMs,
    );
  const check = async (limitMs?: number): Promise<void> => {
    await isDirect(LEFT, RIGHT, limitMs);
    await isDirect(RIGHT, LEFT, limitMs);
  };
  await check(DIRECT_MS);
  return {
    ...{ world, targets },
    processes: [LEFT, RIGHT].map((machine) => network.pidOf(machine)),
    check: () => check(0),
  };
}
