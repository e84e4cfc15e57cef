/**
 * Tunnels between two keys that know each other, without any control: wireguard-go's, and Warren's data plane by itself in
 * a process that is nothing else.
 */
import { once } from 'node:events';
import { DEFAULT_MTU_BYTES } from '@warren/node/config/mtu';
import {
  startWireguardGo,
  WIREGUARD_GO_DEVICE,
  type WireguardKeys,
  wireguardKeys,
} from '../interop/wireguard-go.js';
import { scriptArgv } from '../scripts.js';
import { runOrThrow } from '../world/run-or-throw.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { firstAnswers, type Tunnel } from './tunnel.js';
import { LEFT, RIGHT, twoMachines } from './two-machines.js';

const PORT = 51_820;
const WARREN_DEVICE = 'warren0';
const READY_MS = 15_000;

/** Of the overlay; in Warren's own ranges, as its plane lets nothing else through. */
const overlay = {
  [LEFT]: { 4: '100.64.0.1', 6: 'fd7a:115c:a1e0::1' },
  [RIGHT]: { 4: '100.64.0.2', 6: 'fd7a:115c:a1e0::2' },
};

interface End {
  readonly machine: typeof LEFT | typeof RIGHT;
  readonly peer: typeof LEFT | typeof RIGHT;
  readonly keys: WireguardKeys;
  readonly peerKeys: WireguardKeys;
}

function bothEnds(): readonly [End, End] {
  const [left, right] = [wireguardKeys(), wireguardKeys()];
  return [
    { machine: LEFT, peer: RIGHT, keys: left, peerKeys: right },
    { machine: RIGHT, peer: LEFT, keys: right, peerKeys: left },
  ];
}

/** A world with both ends started, in which `right` has answered. */
async function connect(
  device: string,
  targets: Tunnel['targets'],
  start: (world: World, end: End) => Promise<WorldProcess>,
): Promise<Tunnel> {
  const world = await startWorld(twoMachines);
  try {
    const started = await Promise.all(bothEnds().map((end) => start(world, end)));
    await firstAnswers({ world, targets });
    const processes = started.flatMap(({ pid }) => pid ?? []);
    return { world, targets, processes, check: () => devicesAreUp(world, device) };
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** There is no way but the tunnel: its device's. */
async function devicesAreUp(world: World, device: string): Promise<void> {
  for (const machine of [LEFT, RIGHT]) {
    const text = await runOrThrow(world, machine, ['ip', '-o', 'link', 'show', device]);
    if (!/<[^>]*\bUP\b/.test(text)) throw new Error(`${device} of ${machine} is down`);
  }
}

/** `program`: which wireguard-go. Its MTU is Warren's. */
export function startWireguardGoPair(program: string): Promise<Tunnel> {
  return connect(
    WIREGUARD_GO_DEVICE,
    overlay[RIGHT],
    (world, { machine, peer, keys, peerKeys }) => {
      const own = overlay[machine];
      const { publicBase64 } = peerKeys;
      return startWireguardGo(world, machine, {
        ...{ program, keys, port: PORT, mtuBytes: DEFAULT_MTU_BYTES },
        addresses: [`${own[4]}/24`, `${own[6]}/64`],
        peer: {
          publicBase64,
          allowedIps: [`${overlay[peer][4]}/32`, `${overlay[peer][6]}/128`],
          endpoint: `${world.addressOf(peer)}:${PORT}`,
        },
      });
    },
  );
}

export function startPlanePair(): Promise<Tunnel> {
  const targets = { 4: overlay[RIGHT][4] };
  return connect(WARREN_DEVICE, targets, async (world, { machine, peer, keys, peerKeys }) => {
    const options = {
      ...{ privateKey: keys.privateHex, peerKey: peerKeys.publicHex, port: PORT },
      ...{ addresses: [`${overlay[machine][4]}/32`], peerPrefixes: [`${overlay[peer][4]}/32`] },
      endpoint: `${world.addressOf(peer)}:${PORT}`,
    };
    const plane = world.exec(machine, scriptArgv('interop/plain-tunnel', JSON.stringify(options)), {
      stdin: 'pipe',
      stderr: { file: '/run/plane.log' },
    });
    if (plane.stdout === null) throw new Error('the plane has no output');
    await once(plane.stdout, 'data', { signal: AbortSignal.timeout(READY_MS) });
    plane.stdout.resume();
    return plane;
  });
}
