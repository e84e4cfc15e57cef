/** Warren as people run it: a hub, two daemons that it joins, and a direct path between them. */
import { readFileSync } from 'node:fs';
import { OneHubNetwork, TOWN } from '../faults/one-hub-network.js';
import { HUB_STATE, LOG_FILE } from '../mesh/places.js';
import { scriptArgv } from '../scripts.js';
import { runOrThrow } from '../world/run-or-throw.js';
import { filterFile } from './filter-rules.js';
import { firstAnswers, type Tunnel } from './tunnel.js';
import { LEFT, RIGHT, twoMachines } from './two-machines.js';

const POLICY_FILE = '/run/policy.json';
/** The hub tells a thousand machines to two daemons, on a busy computer. */
const DIRECT_MS = 60_000;

export interface WarrenOptions {
  /** Of both daemons. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its data plane must say of itself, lest something else be measured under this name. */
  readonly way?: RegExp;
  /** Machines of the network that are away. */
  readonly crowd?: number;
  /** Rules of the policy before the one that lets the bench in; absent: the hub has no policy. */
  readonly rules?: number;
}

export async function startWarren(options: WarrenOptions = {}): Promise<Tunnel> {
  const { env = {}, crowd = 0, rules } = options;
  const network = await OneHubNetwork.start([LEFT, RIGHT], {
    topology: twoMachines,
    env: { [LEFT]: env, [RIGHT]: env },
    hubFlags: rules === undefined ? [] : ['--policy-file', POLICY_FILE],
    beforeServers: async (world) => {
      if (crowd > 0) {
        const crowdOf = [HUB_STATE, String(crowd), String(TOWN.id)];
        await runOrThrow(world, 'hub', scriptArgv('bench/crowd', ...crowdOf));
      }
      if (rules === undefined) return;
      const input = filterFile(rules);
      await runOrThrow(world, 'hub', ['sh', '-c', `cat > ${POLICY_FILE}`], { input });
    },
  });
  try {
    const tunnel = await meet(network, crowd);
    if (options.way === undefined || options.way.test(tunnel.way)) return tunnel;
    throw new Error(`its data plane says "${tunnel.way}", and not ${options.way.source}`);
  } catch (error) {
    await network.close();
    throw error;
  }
}

async function meet(
  network: OneHubNetwork,
  crowd: number,
): Promise<Tunnel & { readonly way: string }> {
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
    ...{ world, targets, way: wayOf(network) },
    processes: [LEFT, RIGHT].map((machine) => network.pidOf(machine)),
    check: () => check(0),
  };
}

/** How packets move, as the daemon says it in its log when its data plane stands; empty: it says nothing. */
function wayOf({ world }: OneHubNetwork): string {
  const lines = readFileSync(world.path(LEFT, LOG_FILE), 'utf8').split('\n');
  const line = lines.findLast((candidate) => candidate.includes('"msg":"data plane"'));
  if (line === undefined) return '';
  const { description = '' } = JSON.parse(line) as { readonly description?: string };
  return description;
}
