/**
 * A tunnel between Warren's data plane (`plain-tunnel.ts`, on `warren`) and Debian's wireguard-go (on `peer`),
 * for interop tests; on `stranger` nothing runs.
 */
import { DEFAULT_MTU_BYTES } from '@warren/node/config/mtu';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { expect } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { DEBIAN_WIREGUARD_GO, startWireguardGo, wireguardKeys } from './wireguard-go.js';

export const PEER_ADDRESS = ip('52.20.10.12');
/** Where the peer may roam to. */
export const SECOND_ADDRESS = ip('52.20.10.13');
export const WARREN_ADDRESS = ip('52.20.10.11');
export const PORT = 51_820;

const topology: Topology = {
  name: 'three-public',
  regions: [{ name: 'here' }],
  links: [],
  hosts: [],
  networks: [],
  machines: [
    { name: 'warren', at: { kind: 'public', region: 'here', addresses: [WARREN_ADDRESS] } },
    {
      name: 'peer',
      at: { kind: 'public', region: 'here', addresses: [PEER_ADDRESS, SECOND_ADDRESS] },
    },
    { name: 'stranger', at: { kind: 'public', region: 'here', addresses: [ip('18.204.7.9')] } },
  ],
};

/** What the plane reports, as far as tests read it. */
export interface TunnelEvent {
  readonly type: string;
  readonly path?: unknown;
  readonly totals?: Readonly<Record<string, number>>;
}

export interface Tunnel {
  readonly world: World;
  /** Public keys, as hex. */
  readonly warrenKey: string;
  readonly peerKey: string;
  /** Lines that the plane reported so far. */
  readonly events: TunnelEvent[];
  /** The plane's counters now. */
  counters(): Promise<Readonly<Record<string, number>>>;
}

/** Runs a script that must succeed. */
export async function sh(
  world: World,
  place: string,
  script: string,
  timeoutMs = 60_000,
): Promise<string> {
  const result = await world.run(place, ['sh', '-ec', script], { timeoutMs });
  expect(result.code, `${script}\n${result.stdout}\n${result.stderr}`).toBe(0);
  return result.stdout;
}

/** Both ends up; `first` says who knows the other's address and so who speaks first. */
export async function startTunnel(
  first: 'warren' | 'wireguard-go',
  atEnd: (close: () => Promise<void>) => void,
): Promise<Tunnel> {
  const world = await startWorld(topology);
  atEnd(() => world.close());
  const [ours, theirs] = [wireguardKeys(), wireguardKeys()];
  await startWireguardGo(world, 'peer', {
    ...{ program: DEBIAN_WIREGUARD_GO, keys: theirs, port: PORT, mtuBytes: DEFAULT_MTU_BYTES },
    ...{ addresses: ['100.64.0.2/32'], routes: ['100.64.0.0/10'] },
    peer: {
      ...{ publicBase64: ours.publicBase64, allowedIps: ['100.64.0.1/32'] },
      ...(first === 'wireguard-go' ? { endpoint: `${WARREN_ADDRESS}:${PORT}` } : {}),
    },
  });
  const tunnel = world.exec(
    'warren',
    scriptArgv(
      'interop/plain-tunnel',
      JSON.stringify({
        privateKey: ours.privateHex,
        peerKey: theirs.publicHex,
        address: '100.64.0.1/32',
        peerAddress: '100.64.0.2/32',
        port: PORT,
        ...(first === 'warren' ? { endpoint: `${PEER_ADDRESS}:${PORT}` } : {}),
      }),
    ),
    { stdin: 'pipe', stderr: { file: '/run/tunnel.log' } },
  );
  const events: Tunnel['events'] = [];
  let rest = '';
  tunnel.stdout?.on('data', (part: Buffer) => {
    const lines = (rest + part.toString()).split('\n');
    rest = lines.pop() ?? '';
    events.push(...lines.map((line) => JSON.parse(line) as TunnelEvent));
  });
  await expect
    .poll(() => events.some((event) => event.type === 'ready'), { timeout: 10_000 })
    .toBe(true);
  return {
    world,
    events,
    warrenKey: ours.publicHex,
    peerKey: theirs.publicHex,
    counters: async () => {
      const before = events.length;
      tunnel.stdin?.write('\n');
      const report = (): TunnelEvent | undefined =>
        events.slice(before).find((event) => event.type === 'counters');
      await expect.poll(report, { timeout: 10_000 }).toBeDefined();
      return report()?.totals ?? {};
    },
  };
}
