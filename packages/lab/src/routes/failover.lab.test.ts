/**
 * A network behind two machines of the mesh, of which one carries its traffic: what becomes of it when that one
 * stops in the midst of its work, or is switched off.
 *
 *     town
 *      ├─ hub
 *      ├─ home-left   easy NAT ─┬─ one      192.168.11.10   both announce 192.168.11.0/24
 *      │                        ├─ two      192.168.11.11
 *      │                        └─ printer  192.168.11.20   no mesh
 *      └─ home-right  easy NAT ─── right    192.168.12.10   accepts routes
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { report } from '../faults/report.js';
import { TunnelPing } from '../faults/tunnel-ping.js';
import { skipsLab } from '../testing/lab-ring.js';
import { easyHome, inLan } from '../topology/town.js';

const skips = await skipsLab();

const LAN = '192.168.11.0/24';
const PRINTER = '192.168.11.20';
const ROUTERS = ['one', 'two'] as const;
/** What operators are promised. */
const FAILOVER_MS = 15_000;

const topology: Topology = {
  name: 'route-failover',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    easyHome('home-left', '54.160.20.12', LAN),
    easyHome('home-right', '34.210.30.13', '192.168.12.0/24'),
  ],
  machines: [
    { name: 'one', at: inLan('home-left', '192.168.11.10') },
    { name: 'two', at: inLan('home-left', '192.168.11.11') },
    { name: 'printer', at: inLan('home-left', PRINTER) },
    { name: 'right', at: inLan('home-right', '192.168.12.10') },
  ],
};

describe.skipIf(skips)('two routers of one network', () => {
  let network: OneHubNetwork;
  let ping: TunnelPing;

  /** The machine through which `right` reaches the printer. */
  async function carrier(): Promise<(typeof ROUTERS)[number]> {
    const { peers } = await network.status('right');
    const name = peers.find(({ routes }) => routes?.includes(LAN) === true)?.hostName;
    return name === 'two' ? 'two' : 'one';
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start([...ROUTERS, 'right'], { topology });
    for (const router of ROUTERS) {
      await network.cli.run(router, ['set', '--advertise-routes', LAN]);
      await network.cli.run('hub', ['control', 'nodes', 'approve-routes', router, LAN]);
    }
    await network.cli.run('right', ['set', '--accept-routes']);
    await network.statusUntil('right', 'it knows the route', ({ peers }) =>
      peers.some(({ routes }) => routes?.includes(LAN) === true),
    );
    ping = new TunnelPing(network.world, 'right', PRINTER);
    await ping.steady(30_000);
  });

  afterAll(async () => {
    await network.close();
  });

  test('the one that carries it stops without a word: the other does within 15 s, and keeps it', async () => {
    const dead = await carrier();
    const pid = network.pidOf(dead);
    const at = Date.now();
    await network.sh('world', `kill -STOP ${pid}`);
    const tookMs = await ping.steady(2 * FAILOVER_MS, at);
    expect(tookMs).toBeLessThan(FAILOVER_MS);
    report('a router that stopped', { 'traffic after ms': tookMs });
    expect(await carrier()).not.toBe(dead);
    const backAt = Date.now();
    await network.sh('world', `kill -CONT ${pid}`);
    await sleep(12_000);
    expect(await carrier()).not.toBe(dead);
    expect(ping.lostSince(backAt)).toBeLessThanOrEqual(1);
  });

  test('the one that carries it is switched off: the other does within 15 s', async () => {
    const dead = await carrier();
    const at = Date.now();
    await network.killDaemon(dead);
    const tookMs = await ping.steady(2 * FAILOVER_MS, at);
    expect(tookMs).toBeLessThan(FAILOVER_MS);
    report('a router that was killed', { 'traffic after ms': tookMs });
    const routes = JSON.parse(
      await network.cli.run('hub', ['control', 'nodes', 'routes', '--json']),
    ) as readonly { readonly name: string; readonly served: unknown; readonly carried: unknown }[];
    const alive = ROUTERS.find((router) => router !== dead);
    for (const { name, served, carried } of routes) {
      expect([served, carried]).toEqual([[LAN], name.startsWith(`${alive}.`) ? [LAN] : []]);
    }
    expect(routes).toHaveLength(2);
  });
});
