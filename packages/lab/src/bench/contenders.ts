/** Who takes part, by name, and how each is started: in a world of its own, which the tunnel's owner closes. */
import { goPeer } from '../interop/go-peers.js';
import { DEBIAN_WIREGUARD_GO } from '../interop/wireguard-go.js';
import { startWorld } from '../world/start-world.js';
import { startPlanePair, startWireguardGoPair } from './plain-tunnels.js';
import { cpuSecondsOf } from './process-costs.js';
import { untilResting } from './rest.js';
import { startStock } from './stock-tunnel.js';
import type { Tunnel } from './tunnel.js';
import { RIGHT, twoMachines } from './two-machines.js';
import { startWarren } from './warren-tunnel.js';

/** What a thousand means in the figures' names. */
const CROWD = 1000;
const RULES = 1000;

export type Contender =
  | 'warren'
  /** Its cryptography through OpenSSL's public functions. */
  | 'warren-evp'
  /** Datagrams one by one through sockets of node:dgram; its TUN is the usual one, with offload. */
  | 'warren-portable'
  | 'warren-1000-peers'
  | 'warren-1000-rules'
  /** The data plane alone. */
  | 'warren-plane'
  /** The pinned one, with offloads. */
  | 'wireguard-go'
  /** Debian 12's, without. */
  | 'wireguard-go-debian'
  | 'tailscaled'
  /** The wire itself. */
  | 'no-tunnel';

const starts: Readonly<Record<Contender, () => Promise<Tunnel>>> = {
  warren: () => startWarren(),
  'warren-evp': () => startWarren({ env: { WARREN_CRYPTO: 'evp' }, way: /\bevp\b/ }),
  'warren-portable': () =>
    startWarren({ env: { WARREN_DATA_PLANE: 'portable' }, way: /^portable\b/ }),
  'warren-1000-peers': () => startWarren({ crowd: CROWD - 1 }),
  'warren-1000-rules': () => startWarren({ rules: RULES - 1 }),
  'warren-plane': startPlanePair,
  'wireguard-go': () => startWireguardGoPair(goPeer('wireguard')),
  'wireguard-go-debian': () => startWireguardGoPair(DEBIAN_WIREGUARD_GO),
  tailscaled: startStock,
  'no-tunnel': startNothing,
};

/** Starts a contender; resolves when `right` has answered through it, and it rests. */
export async function startContender(name: Contender): Promise<Tunnel> {
  const tunnel = await starts[name]();
  try {
    if (tunnel.processes.length > 0) await untilResting(() => cpuSecondsOf(tunnel));
    return tunnel;
  } catch (error) {
    await tunnel.world.close();
    throw error;
  }
}

async function startNothing(): Promise<Tunnel> {
  const world = await startWorld(twoMachines);
  const targets = { 4: world.addressOf(RIGHT) };
  return { world, targets, processes: [], check: () => Promise.resolve() };
}
