/**
 * A machine whose own network uses the addresses that the mesh hands out: its LAN is 100.64.0.0/24, its gateway
 * 100.64.0.1, which is also a peer's address inside the mesh.
 *
 *     town
 *      ├─ hub
 *      ├─ open       public; joins first, so it is 100.64.0.1 inside
 *      └─ carrier    easy NAT, gateway 100.64.0.1 ─┬─ left 100.64.0.10
 *                                                  └─ near 100.64.0.11
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { joinMachine, waitForPeers } from '../mesh/machines.js';
import { skipsLab } from '../testing/lab-ring.js';

const skips = await skipsLab();

const topology: Topology = {
  name: 'shared-range',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    {
      name: 'carrier',
      region: 'town',
      addresses: [ip('54.160.20.12')],
      nat: 'easy',
      lan: cidr('100.64.0.0/24'),
    },
  ],
  machines: [
    { name: 'open', at: { kind: 'public', region: 'town', addresses: [ip('52.20.10.11')] } },
    { name: 'left', at: { kind: 'lan', network: 'carrier', address: ip('100.64.0.10') } },
    { name: 'near', at: { kind: 'lan', network: 'carrier', address: ip('100.64.0.11') } },
  ],
};

const gateway = '100.64.0.1';

describe.skipIf(skips)('a network inside the range of the mesh', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['open'], { topology });
    expect(network.addressOf('open')).toBe(gateway);
    // The strictest check of sources: what our rules say must hold in both directions.
    await network.sh('left', 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done');
    const { key } = await network.createKey('--reusable');
    for (const machine of ['left', 'near']) {
      await network.startDaemon(machine);
      const join = ['--login-server', network.url, '--auth-key', key];
      const address = await joinMachine(network.world, network.cli, machine, join);
      network.addresses.set(machine, address);
    }
    await waitForPeers(network.world, ['open', 'left', 'near']);
    await network.sh('open', serve('open'));
    await network.sh('near', serve('near'));
  });

  afterAll(async () => {
    await network.close();
  });

  /** Answers each connection to port 7000 (hex 1B58) with its name, in the background; ends when it listens. */
  function serve(name: string): string {
    const script = `require('net').createServer((s) => s.end('${name}')).listen(7000, '0.0.0.0')`;
    const isListening = 'grep -q :1B58 /proc/net/tcp';
    return `nohup '${process.execPath}' -e "${script}" > /dev/null 2>&1 & for i in $(seq 100); do ${isListening} && exit 0; sleep 0.1; done; exit 1`;
  }

  /** Who answers on port 7000 of an address, as seen from a machine. */
  function whoIs(machine: string, address: string): Promise<string> {
    const script = `require('net').connect(7000, '${address}').on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code)).setTimeout(5000, function () { console.log('nobody'); this.destroy(); })`;
    return network.sh(machine, `'${process.execPath}' -e "${script}"`);
  }

  async function pingedBy(machine: string, peer: string): Promise<unknown> {
    const text = await network.cli.run(machine, [
      ...['ping', peer, '--json', '-c', '50', '--interval', '200ms'],
    ]);
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown;
  }

  const rulesAndRoutes = (): Promise<string> =>
    network.sh('left', 'ip -4 rule; ip -4 route show table 4164; ip -4 route show dev warren0');

  test('the peer with the gateway’s address is reached through the tunnel, both ways', async () => {
    expect(await whoIs('left', gateway)).toBe('open');
    expect(await pingedBy('left', 'open')).toMatchObject({ path: 'direct' });
    expect(await whoIs('left', gateway)).toBe('open');
    await network.sh('left', serve('left'));
    expect(await whoIs('open', network.addressOf('left'))).toBe('left');
  });

  test('the gateway itself goes on being the way out, and answers who asks from the LAN', async () => {
    const { self } = await network.status('left');
    expect(self?.relay).toBe('town');
    await network.sh('left', 'ip neigh flush all; ping -c 2 -W 2 3.210.5.10');
    await network.sh('left', `ping -c 2 -W 2 -I 100.64.0.10 ${gateway}`);
    await network.sh('router-carrier', 'ip neigh flush all; ping -c 2 -W 2 100.64.0.10');
  });

  test('a neighbour in that network is a direct peer at its address there', async () => {
    const { self } = await network.status('near');
    expect(self?.endpoints).toContainEqual(
      expect.objectContaining({ addr: '100.64.0.11:41641', type: 'local' }),
    );
    expect(await pingedBy('left', 'near')).toMatchObject({
      path: 'direct',
      endpoint: '100.64.0.11:41641',
    });
    expect(await whoIs('left', network.addressOf('near'))).toBe('near');
    expect(await whoIs('left', '100.64.0.11')).toBe('near');
  });

  test('nothing is left behind, also after a kill', async () => {
    expect(await rulesAndRoutes()).toContain('lookup 4164');
    await network.killDaemon('left');
    await network.startDaemon('left');
    await network.cli.run('left', ['up']);
    expect(await pingedBy('left', 'open')).toMatchObject({ path: 'direct' });
    expect(await whoIs('left', gateway)).toBe('open');
    expect((await rulesAndRoutes()).match(/lookup 4164/g)).toHaveLength(1);
    await network.cli.run('left', ['down']);
    const { length } = (await network.sh('left', 'ip -4 rule')).split('\n');
    expect(length).toBe(3);
    expect(await rulesAndRoutes()).not.toContain('warren0');
    expect(await whoIs('left', gateway)).not.toBe('open');
    await network.cli.run('left', ['up']);
    expect(await whoIs('left', gateway)).toBe('open');
    await network.cli.run('left', ['down', '--end-daemon']);
    expect((await network.sh('left', 'ip -4 rule')).split('\n')).toHaveLength(3);
  });
});
