/**
 * Two homes with the same subnet. What is a peer's address in its home is a stranger's in ours, or our own.
 *
 *     town
 *      ├─ hub
 *      ├─ home-left   easy NAT ─┬─ left      192.168.1.10
 *      │                        └─ printer   192.168.1.20, which sends back all it gets on the peers' port
 *      ├─ home-right  easy NAT ─── right     192.168.1.20
 *      └─ home-twin   easy NAT ─── twin      192.168.1.10
 */
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { skipsLab } from '../testing/lab-ring.js';
import { easyHome, inLan } from '../topology/town.js';

const skips = await skipsLab();

const LAN = '192.168.1.0/24';

const topology: Topology = {
  name: 'same-subnet',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    easyHome('home-left', '54.160.20.12', LAN),
    easyHome('home-right', '34.210.30.13', LAN),
    easyHome('home-twin', '34.210.30.14', LAN),
  ],
  machines: [
    { name: 'left', at: inLan('home-left', '192.168.1.10') },
    { name: 'printer', at: inLan('home-left', '192.168.1.20') },
    { name: 'right', at: inLan('home-right', '192.168.1.20') },
    { name: 'twin', at: inLan('home-twin', '192.168.1.10') },
  ],
};

describe.skipIf(skips)('homes with the same subnet', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    const echo =
      "const s = require('dgram').createSocket('udp4'); let n = 0; s.on('message', (m, r) => { require('fs').writeFileSync('/run/heard', String(++n)); s.send(m, r.port, r.address); }); s.bind(41641);";
    network = await OneHubNetwork.start(['left', 'right', 'twin'], {
      topology,
      beforeServers: async (world) => {
        const script = `nohup '${process.execPath}' -e "${echo}" > /dev/null 2>&1 &`;
        await world.run('printer', ['sh', '-c', script]);
      },
    });
  });

  afterAll(async () => {
    await network.close();
  });

  test.each([
    ['right', '34.210.30.13'],
    ['twin', '34.210.30.14'],
  ])('left and %s meet at the address of its home', async (peer, publicAddress) => {
    const text = await network.cli.run('left', [
      ...['ping', peer, '--json', '-c', '50', '--interval', '200ms'],
    ]);
    const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as { endpoint?: string };
    expect(last).toMatchObject({ path: 'direct' });
    expect(last.endpoint?.startsWith(`${publicAddress}:`)).toBe(true);
  });

  test('the stranger at right’s address was asked, echoed, and is nobody', async () => {
    expect(Number(await network.sh('printer', 'cat /run/heard'))).toBeGreaterThan(0);
    const { peers, counters } = await network.status('left');
    expect(peers.map(({ endpoint }) => endpoint)).not.toContain('192.168.1.20:41641');
    // Twin's address at home is our own: it isn't even asked.
    expect(counters['candidate-own-socket']).toBeGreaterThan(0);
  });
});
