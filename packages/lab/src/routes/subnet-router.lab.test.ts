/**
 * A network behind a machine of the mesh.
 *
 *     town
 *      ├─ hub
 *      ├─ open                                      public
 *      ├─ home-left   easy NAT ─┬─ left     192.168.11.10   announces 192.168.11.0/24
 *      │                        └─ printer  192.168.11.20   no mesh, knows only its gateway
 *      └─ home-right  easy NAT ─── right    192.168.12.10   accepts routes
 */
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { skipsLab } from '../testing/lab-ring.js';
import { easyHome, inLan } from '../topology/town.js';
import { serveNames, untilAnswers, whoAnswers } from './asking.js';

const skips = await skipsLab();

const topology: Topology = {
  name: 'subnet-router',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    easyHome('home-left', '54.160.20.12', '192.168.11.0/24'),
    easyHome('home-right', '34.210.30.13', '192.168.12.0/24'),
  ],
  machines: [
    { name: 'left', at: inLan('home-left', '192.168.11.10') },
    { name: 'printer', at: inLan('home-left', '192.168.11.20') },
    { name: 'right', at: inLan('home-right', '192.168.12.10') },
  ],
};

const PRINTER = '192.168.11.20';

describe.skipIf(skips)('a subnet behind a machine', () => {
  let network: OneHubNetwork;

  const set = (machine: string, ...flags: readonly string[]): Promise<string> =>
    network.cli.run(machine, ['set', ...flags]);

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right'], { topology });
    await serveNames(network, 'printer');
    await serveNames(network, 'right');
  });

  afterAll(async () => {
    await network.close();
  });

  test('it is announced, approved, accepted and reached, under the router’s address', async () => {
    await set('left', '--advertise-routes', '192.168.11.0/24');
    await network.statusUntil('left', 'it announces', ({ self }) => {
      return self?.announcedRoutes?.join() === '192.168.11.0/24' && self.servedRoutes?.length === 0;
    });
    expect(await whoAnswers(network, 'right', PRINTER)).toBe('nobody');
    await network.cli.run('hub', ['control', 'nodes', 'approve-routes', 'left', '192.168.11.0/24']);
    await network.statusUntil('left', 'it serves', ({ self }) => self?.servedRoutes?.length === 1);
    await network.statusUntil('right', 'it knows the route', ({ peers }) =>
      peers.some(({ routes }) => routes?.includes('192.168.11.0/24') === true),
    );
    // On Linux nobody takes routes unasked.
    expect(await whoAnswers(network, 'right', PRINTER)).toBe('nobody');
    await set('right', '--accept-routes');
    await untilAnswers(network, 'right', PRINTER, 'printer 192.168.11.10');
    expect(await network.sh('right', 'ping -c 1 -W 3 192.168.11.20 && echo here')).toContain(
      'here',
    );
    expect((await network.status('left')).health).toEqual([]);
    expect((await network.status('right')).health).toEqual([]);
  });

  test('the router itself goes on using its own network directly', async () => {
    await set('left', '--accept-routes');
    expect(await whoAnswers(network, 'left', PRINTER)).toBe('printer 192.168.11.10');
    await network.sh('left', 'ip route get 192.168.11.20 | grep -q eth0');
  });

  test('without masquerading peers come under their own addresses', async () => {
    await set('left', '--snat-subnet-routes=false');
    // The printer's gateway would have to know the way back.
    await network.sh('printer', 'ip route add 100.64.0.0/10 via 192.168.11.10');
    await untilAnswers(network, 'right', PRINTER, `printer ${network.addressOf('right')}`);
    // And the other way round: who is in that network reaches the mesh, as far as rules allow.
    expect(await whoAnswers(network, 'printer', network.addressOf('right'))).toBe(
      `right ${PRINTER}`,
    );
    await set('left', '--snat-subnet-routes');
    await network.sh('printer', 'ip route del 100.64.0.0/10');
    await untilAnswers(network, 'right', PRINTER, 'printer 192.168.11.10');
  });

  test('a network that the machine stands in itself stays its own', async () => {
    await network.sh('right', 'ip addr add 192.168.11.99/24 dev eth0');
    const way = (): Promise<string> => network.sh('right', 'ip route get 192.168.11.20');
    await expect.poll(way, { timeout: 20_000 }).toContain('dev eth0 src 192.168.11.99');
    await network.sh('right', 'ip addr del 192.168.11.99/24 dev eth0');
    await untilAnswers(network, 'right', PRINTER, 'printer 192.168.11.10');
  });

  test('what was switched on is switched off again, also after a kill', async () => {
    const state = (): Promise<string> =>
      network.sh(
        'left',
        'cat /proc/sys/net/ipv4/ip_forward; nft list tables; ip rule | grep -c 4180 || true',
      );
    expect(await state()).toBe('1\ntable inet warren-0\n0');
    await network.killDaemon('left');
    expect(await state()).toBe('1\ntable inet warren-0\n0');
    await network.startDaemon('left');
    await untilAnswers(network, 'right', PRINTER, 'printer 192.168.11.10');
    await set('left', '--advertise-routes=');
    await expect.poll(state, { timeout: 10_000 }).toBe('0\n0');
    await network.cli.run('right', ['down', '--end-daemon']);
    expect(await network.sh('right', 'ip rule | wc -l; ip -6 rule | wc -l; nft list tables')).toBe(
      '3\n2',
    );
  });
});
