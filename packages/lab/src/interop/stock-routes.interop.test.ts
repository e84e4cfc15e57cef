/**
 * Networks behind machines of either kind, and exit nodes of either kind, in a Warren network.
 *
 *     town
 *      ├─ hub
 *      ├─ stranger    a public host outside the mesh: says whom it sees
 *      ├─ home-left   easy NAT ─┬─ left     192.168.11.10   Warren, leads to 192.168.11.0/24
 *      │                        └─ printer  192.168.11.20   no mesh
 *      └─ home-right  easy NAT ─┬─ right    192.168.12.10   a stock client, leads to 192.168.12.0/24
 *                               └─ scanner  192.168.12.20   no mesh
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { serveNames, untilAnswers, whoAnswers } from '../routes/asking.js';
import { easyHome, inLan } from '../topology/town.js';
import { skipsGoPeers } from './go-peers.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const STRANGER = '18.204.7.9';
const HOMES = { left: '54.160.20.12', right: '34.210.30.13' } as const;
const LANS = { left: '192.168.11.0/24', right: '192.168.12.0/24' } as const;
const PRINTER = '192.168.11.20';
const SCANNER = '192.168.12.20';
/** Announced by both, in nobody's network. */
const SHARED = '10.77.0.0/24';
/** Three turns of the hub's questions. */
const SEVERAL_QUESTIONS_MS = 16_000;

const topology: Topology = {
  name: 'stock-routes',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [
    { name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] },
    { name: 'stranger', region: 'town', addresses: [ip(STRANGER)] },
  ],
  networks: [
    easyHome('home-left', HOMES.left, LANS.left),
    easyHome('home-right', HOMES.right, LANS.right),
  ],
  machines: [
    { name: 'left', at: inLan('home-left', '192.168.11.10') },
    { name: 'printer', at: inLan('home-left', PRINTER) },
    { name: 'right', at: inLan('home-right', '192.168.12.10') },
    { name: 'scanner', at: inLan('home-right', SCANNER) },
  ],
};

describe.skipIf(skips)('routes over a stock client and a Warren node', () => {
  let network: OneHubNetwork;
  let stock: StockClient;

  const control = (...args: readonly string[]): Promise<string> =>
    network.cli.run('hub', ['control', 'nodes', ...args]);
  const set = (...flags: readonly string[]): Promise<string> =>
    network.cli.run('left', ['set', ...flags]);

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left'], { topology });
    await network.sh('right', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    const clients = await joinStock(network, ['right'], { tun: 'tailscale0' });
    stock = clients.get('right') as StockClient;
    for (const place of ['stranger', 'printer', 'scanner']) await serveNames(network, place);
    await set(
      '--advertise-routes',
      `${LANS.left},${SHARED}`,
      '--advertise-exit-node',
      '--accept-routes',
    );
    await stock.run(
      'set',
      `--advertise-routes=${LANS.right},${SHARED}`,
      '--advertise-exit-node',
      '--accept-routes',
    );
  });

  afterAll(async () => {
    await network?.close();
  });

  test('what both announce waits for approval', async () => {
    await until(network.world, 'hub', 'both announce', async () => {
      const listed = await control('routes');
      for (const route of [...Object.values(LANS), SHARED, '0.0.0.0/0']) {
        if (!listed.includes(`${route} `)) throw new Error(listed);
      }
    });
    expect(await whoAnswers(network, 'left', SCANNER)).toBe('nobody');
    expect(await whoAnswers(network, 'right', PRINTER)).toBe('nobody');
  });

  test('each reaches the network behind the other', async () => {
    await control('approve-routes', 'left', '--all');
    await control('approve-routes', 'right', '--all');
    await untilAnswers(network, 'right', PRINTER, 'printer 192.168.11.10');
    await untilAnswers(network, 'left', SCANNER, 'scanner 192.168.12.10');
  });

  test('each is the other’s exit node', async () => {
    expect(await whoAnswers(network, 'right', STRANGER)).toBe(`stranger ${HOMES.right}`);
    await stock.run('set', '--advertise-exit-node=false', '--exit-node=left');
    await untilAnswers(network, 'right', STRANGER, `stranger ${HOMES.left}`);
    await stock.run('set', '--exit-node=', '--advertise-exit-node');
    await untilAnswers(network, 'right', STRANGER, `stranger ${HOMES.right}`);
    await set('--advertise-exit-node=false');
    await until(network.world, 'left', 'the exit node taken', () => set('--exit-node', 'right'));
    await untilAnswers(network, 'left', STRANGER, `stranger ${HOMES.right}`);
    await set('--exit-node=');
    await untilAnswers(network, 'left', STRANGER, `stranger ${HOMES.left}`);
  });

  test('both answer when the hub asks whether they live; one that stopped loses the shared route', async () => {
    await sleep(SEVERAL_QUESTIONS_MS);
    const counters = async (): Promise<Readonly<Record<string, number>>> =>
      (await network.hubNumbers()).control.counters;
    expect((await counters())['route-server-silent'] ?? 0).toBe(0);
    const carried = async (): Promise<string> => {
      const nodes = JSON.parse(await control('routes', '--json')) as readonly {
        readonly name: string;
        readonly carried: readonly string[];
      }[];
      const carrier = nodes.find((node) => node.carried.includes(SHARED));
      return carrier?.name.split('.', 1)[0] ?? 'nobody';
    };
    const first = await carried();
    const pid = first === 'left' ? network.pidOf('left') : stock.pid;
    await network.sh('world', `kill -STOP ${pid}`);
    await until(network.world, 'hub', 'the other carries it', async () => {
      if ((await carried()) === first) throw new Error('not yet');
    });
    expect((await counters())['route-server-silent']).toBe(1);
    await network.sh('world', `kill -CONT ${pid}`);
  });
});
