/**
 * A tunnel between Warren's data plane (`plain-tunnel.ts`, on `warren`) and wireguard-go (on `peer`), for interop
 * tests; on `stranger` nothing runs. Behind each end is a host (`packet-hosts.ts`), whose packets the machine forwards.
 */
import { type Endpoint, endpoint, type IpFamily } from '@warren/core/ip/address';
import { DEFAULT_MTU_BYTES } from '@warren/node/config/mtu';
import { OVERLAY_ROUTES } from '@warren/node/tun/iproute';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { expect } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { hostPrefixes } from './packet-hosts.js';
import { DEBIAN_WIREGUARD_GO, startWireguardGo, wireguardKeys } from './wireguard-go.js';

export const PEER_ADDRESS = ip('52.20.10.12');
/** Where the peer may roam to. */
export const SECOND_ADDRESS = ip('52.20.10.13');
export const WARREN_ADDRESS = ip('52.20.10.11');
const ADDRESS6 = { warren: ip('2a02:8109:b513::11'), peer: ip('2a02:8109:b513::12') };
/** Inside the tunnel. */
export const INNER = {
  warren: { 4: '100.64.0.1', 6: 'fd7a:115c:a1e0::1' },
  peer: { 4: '100.64.0.2', 6: 'fd7a:115c:a1e0::2' },
} as const;
export const PORT = 51_820;

const topology: Topology = {
  name: 'three-public',
  regions: [{ name: 'here' }],
  links: [],
  hosts: [],
  networks: [],
  machines: [
    {
      name: 'warren',
      at: { kind: 'public', region: 'here', addresses: [WARREN_ADDRESS, ADDRESS6.warren] },
    },
    {
      name: 'peer',
      at: {
        kind: 'public',
        region: 'here',
        addresses: [PEER_ADDRESS, SECOND_ADDRESS, ADDRESS6.peer],
      },
    },
    { name: 'stranger', at: { kind: 'public', region: 'here', addresses: [ip('18.204.7.9')] } },
  ],
};

/** What the plane reports, as far as tests read it. */
export interface TunnelEvent {
  /** Of `started`. */
  readonly description?: string;
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

export interface TunnelOptions {
  /** Default: Debian's. */
  readonly program?: string;
  /** Of both ends. */
  readonly mtuBytes?: number;
  /** Between the machines; default 4. */
  readonly outside?: IpFamily;
  /** Of Warren's plane. */
  readonly env?: Readonly<Record<string, string>>;
}

const innerPrefixes = (end: 'warren' | 'peer'): string[] => [
  `${INNER[end][4]}/32`,
  `${INNER[end][6]}/128`,
];

/** Both ends up; `first` says who knows the other's address and so who speaks first. */
export async function startTunnel(
  first: 'warren' | 'wireguard-go',
  atEnd: (close: () => Promise<void>) => void,
  options: TunnelOptions = {},
): Promise<Tunnel> {
  const { program = DEBIAN_WIREGUARD_GO, mtuBytes = DEFAULT_MTU_BYTES, outside = 4 } = options;
  const outer = outside === 4 ? { warren: WARREN_ADDRESS, peer: PEER_ADDRESS } : ADDRESS6;
  const endpointOf = (end: 'warren' | 'peer'): Endpoint => endpoint(outer[end], PORT);
  const world = await startWorld(topology);
  atEnd(() => world.close());
  const [ours, theirs] = [wireguardKeys(), wireguardKeys()];
  await startWireguardGo(world, 'peer', {
    ...{ program, keys: theirs, port: PORT, mtuBytes },
    ...{ addresses: innerPrefixes('peer'), routes: Object.values(OVERLAY_ROUTES) },
    peer: {
      publicBase64: ours.publicBase64,
      allowedIps: [...innerPrefixes('warren'), ...hostPrefixes('left')],
      ...(first === 'wireguard-go' ? { endpoint: endpointOf('warren') } : {}),
    },
  });
  const tunnel = world.exec(
    'warren',
    scriptArgv(
      'interop/plain-tunnel',
      JSON.stringify({
        privateKey: ours.privateHex,
        peerKey: theirs.publicHex,
        addresses: innerPrefixes('warren'),
        behind: hostPrefixes('left'),
        peerPrefixes: [...innerPrefixes('peer'), ...hostPrefixes('right')],
        ...{ port: PORT, family: outside, mtuBytes },
        ...(first === 'warren' ? { endpoint: endpointOf('peer') } : {}),
      }),
    ),
    { stdin: 'pipe', stderr: { file: '/run/tunnel.log' }, env: options.env ?? {} },
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
