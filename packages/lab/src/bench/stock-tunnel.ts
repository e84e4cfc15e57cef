/** Stock clients as distributions run them, with a TUN each, on a hub of Warren's, and a direct path between them. */
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { joinStock } from '../interop/stock-hub.js';
import { firstAnswers, type Tunnel } from './tunnel.js';
import { LEFT, RIGHT, twoMachines } from './two-machines.js';

const DEVICE = 'tailscale0';
/** Names and firewalls of the machine are left alone: neither carries packets. */
const UP_FLAGS = ['--accept-dns=false', '--netfilter-mode=off'];

export async function startStock(): Promise<Tunnel> {
  const network = await OneHubNetwork.start([], { topology: twoMachines });
  try {
    const { world } = network;
    const clients = await joinStock(network, [LEFT, RIGHT], { tun: DEVICE, upFlags: UP_FLAGS });
    const targets = { 4: network.addressOf(RIGHT) };
    await firstAnswers({ world, targets });
    const check = async (): Promise<void> => {
      for (const [machine, peer] of [
        [LEFT, RIGHT],
        [RIGHT, LEFT],
      ] as const) {
        const pongs = (await clients.get(machine)?.ping(network.addressOf(peer))) ?? [];
        if (pongs.at(-1)?.isDirect !== true) throw new Error(`${machine} has no direct path`);
      }
    };
    await check();
    const processes = [...clients.values()].flatMap(({ pid }) => pid ?? []);
    return { world, targets, processes, check };
  } catch (error) {
    await network.close();
    throw error;
  }
}
