/**
 * Two sites with the same network, told apart by 4via6; kernels at both ends judge the translator.
 *
 *     town
 *      ├─ hub
 *      ├─ home-left   easy NAT ─┬─ left     192.168.11.10   site 7
 *      │                        └─ printer  192.168.11.20
 *      └─ home-right  easy NAT ─┬─ right    192.168.11.10   site 8
 *                               └─ scanner  192.168.11.20
 *      └─ open        public, uses both
 */

import type { Prefix } from '@warren/core/ip/prefix';
import { viaPrefix } from '@warren/core/via/via-prefix';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { skipsLab } from '../testing/lab-ring.js';
import { easyHome, inLan } from '../topology/town.js';
import { serveNames, untilAnswers } from './asking.js';

const skips = await skipsLab();

const LAN = '192.168.11.0/24';

const topology: Topology = {
  name: 'two-sites',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    easyHome('home-left', '54.160.20.12', LAN),
    easyHome('home-right', '34.210.30.13', LAN),
  ],
  machines: [
    { name: 'open', at: { kind: 'public', region: 'town', addresses: [ip('52.20.10.11')] } },
    { name: 'left', at: inLan('home-left', '192.168.11.10') },
    { name: 'printer', at: inLan('home-left', '192.168.11.20') },
    { name: 'right', at: inLan('home-right', '192.168.11.10') },
    { name: 'scanner', at: inLan('home-right', '192.168.11.20') },
  ],
};

const SITES = { left: 7, right: 8 } as const;
const addressAt = (site: number): string => `fd7a:115c:a1e0:b1a:0:${site}:c0a8:b14`;

describe.skipIf(skips)('two sites with the same network', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['open', 'left', 'right'], { topology });
    for (const place of ['printer', 'scanner']) await serveNames(network, place);
    for (const [machine, site] of Object.entries(SITES)) {
      const prefix = await network.cli.run(machine, ['debug', 'via', String(site), LAN]);
      expect(prefix.trim()).toBe(viaPrefix({ site, network: LAN as Prefix }));
      await network.cli.run(machine, ['set', '--advertise-routes', prefix.trim()]);
      await network.statusUntil(
        machine,
        'it announces',
        ({ self }) => self?.announcedRoutes?.length === 1,
      );
      await network.cli.run('hub', ['control', 'nodes', 'approve-routes', machine, prefix.trim()]);
    }
    await network.cli.run('open', ['set', '--accept-routes']);
  });

  afterAll(async () => {
    await network.close();
  });

  test('TCP reaches the one that is meant, under its router’s address', async () => {
    await untilAnswers(network, 'open', addressAt(7), 'printer 192.168.11.10');
    await untilAnswers(network, 'open', addressAt(8), 'scanner 192.168.11.10');
  });

  test('ping and traces do', async () => {
    const out = await network.sh('open', `ping -6 -c 3 -i 0.2 -W 3 -s 1000 ${addressAt(7)}`);
    expect(out).toContain(' 0% packet loss');
    // Nobody is there: the router's kernel says so, and the translator passes it on.
    const gone = addressAt(8).replace(/b14$/, 'b63');
    expect(await network.sh('open', `ping -6 -c 4 -W 3 ${gone} || true`)).toMatch(/unreachable/i);
  });

  test('a megabyte arrives whole, in both directions', async () => {
    const serve = `require('net').createServer({ allowHalfOpen: true }, (s) => { const h = require('crypto').createHash('sha256'); s.on('data', (d) => { h.update(d); s.write(d); }); s.on('end', () => s.end(h.digest())); }).listen(7001, '::')`;
    await network.sh('printer', `nohup '${process.execPath}' -e "${serve}" > /dev/null 2>&1 &`);
    const send = `const b = require('crypto').randomBytes(1 << 20); const all = []; const s = require('net').connect(7001, '${addressAt(7)}', () => s.end(b)); s.on('data', (d) => all.push(d)); s.on('end', () => { const got = Buffer.concat(all); const digest = require('crypto').createHash('sha256').update(b).digest(); console.log(got.subarray(0, -32).equals(b) && got.subarray(-32).equals(digest)); process.exit(); }); s.on('error', (e) => { console.log(e.code); process.exit(); }); setTimeout(() => { console.log('late'); process.exit(); }, 20000);`;
    await expect
      .poll(() => network.sh('open', `'${process.execPath}' -e "${send}"`), { timeout: 60_000 })
      .toBe('true');
  });

  test('UDP is answered', async () => {
    const serve = `const s = require('dgram').createSocket('udp4').bind(7002); s.on('message', (m, r) => s.send(m.toString() + ' ' + r.address, r.port, r.address))`;
    await network.sh('scanner', `nohup '${process.execPath}' -e "${serve}" > /dev/null 2>&1 &`);
    const ask = `const s = require('dgram').createSocket('udp6'); s.on('message', (m) => { console.log(m.toString()); process.exit(); }); setInterval(() => s.send('word', 7002, '${addressAt(8)}'), 200); setTimeout(() => process.exit(), 8000);`;
    expect(await network.sh('open', `'${process.execPath}' -e "${ask}"`)).toBe(
      'word 192.168.11.10',
    );
    expect((await network.status('right')).health).toEqual([]);
  });
});
