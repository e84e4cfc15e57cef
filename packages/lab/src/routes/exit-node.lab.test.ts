/**
 * The way to the internet through another machine, on a machine that checks sources strictly.
 *
 *     town
 *      ├─ hub
 *      ├─ stranger    a public host outside the mesh: says whom it sees
 *      ├─ gate        public, offers to be an exit node
 *      └─ home        easy NAT, 54.160.20.12 ─┬─ left     192.168.11.10, uses it
 *                                             └─ printer  192.168.11.20
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { skipsLab } from '../testing/lab-ring.js';
import { serveNames, untilAnswers, whoAnswers } from './asking.js';

const skips = await skipsLab();

const GATE = '52.20.10.11';
const HOME = '54.160.20.12';
const STRANGER = '18.204.7.9';
const PRINTER = '192.168.11.20';

const topology: Topology = {
  name: 'exit-node',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [
    { name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] },
    { name: 'stranger', region: 'town', addresses: [ip(STRANGER)] },
  ],
  networks: [
    {
      name: 'home',
      region: 'town',
      addresses: [ip(HOME)],
      nat: 'easy',
      lan: cidr('192.168.11.0/24'),
    },
  ],
  machines: [
    { name: 'gate', at: { kind: 'public', region: 'town', addresses: [ip(GATE)] } },
    { name: 'left', at: { kind: 'lan', network: 'home', address: ip('192.168.11.10') } },
    { name: 'printer', at: { kind: 'lan', network: 'home', address: ip(PRINTER) } },
  ],
};

describe.skipIf(skips)('an exit node', () => {
  let network: OneHubNetwork;

  const set = (machine: string, ...flags: readonly string[]): Promise<string> =>
    network.cli.run(machine, ['set', ...flags]);

  beforeAll(async () => {
    network = await OneHubNetwork.start(['gate', 'left'], { topology });
    await network.sh('left', 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done');
    for (const place of ['stranger', 'printer']) await serveNames(network, place);
    await set('gate', '--advertise-exit-node');
    await network.statusUntil(
      'gate',
      'it announces',
      ({ self }) => self?.announcedRoutes?.length === 2,
    );
    await network.cli.run('hub', ['control', 'nodes', 'approve-routes', 'gate', '0.0.0.0/0']);
    await network.statusUntil('left', 'it knows the exit node', ({ peers }) =>
      peers.some(({ exitNodeOption }) => exitNodeOption === true),
    );
  });

  afterAll(async () => {
    await network.close();
  });

  test('it is listed, and used by nobody who did not choose it', async () => {
    const list = await network.cli.json<{ exitNodes: object[] }>('left', ['exit-node', 'list']);
    expect(list.exitNodes).toMatchObject([{ online: true, selected: false }]);
    expect(await network.cli.run('left', ['status'])).toContain('offers exit node');
    expect(await whoAnswers(network, 'left', STRANGER)).toBe(`stranger ${HOME}`);
    const refused = await network.cli.attempt('left', ['set', '--exit-node', 'nobody']);
    expect(refused.stderr).toContain('ROUTES');
  });

  test('who chooses it is seen under its address, and stays a direct peer', async () => {
    await set('left', '--exit-node', 'gate');
    await untilAnswers(network, 'left', STRANGER, `stranger ${GATE}`);
    const status = await network.statusUntil('left', 'direct', ({ peers }) =>
      peers.every(({ path }) => path === 'direct'),
    );
    expect(status.exitNode).toMatchObject({ online: true, ipv4: true, ipv6: true });
    expect(status.health).toEqual([]);
    expect(await network.cli.run('left', ['status'])).toMatch(
      /; exit node; direct 52\.20\.10\.11:/,
    );
  });

  test('the network around is shut out unless it is let in', async () => {
    expect(await whoAnswers(network, 'left', PRINTER)).toBe('nobody');
    await set('left', '--exit-node-allow-lan-access');
    await untilAnswers(network, 'left', PRINTER, 'printer 192.168.11.10');
    expect(await whoAnswers(network, 'left', STRANGER)).toBe(`stranger ${GATE}`);
  });

  test('the daemon finds control and relays around it, also when they were away', async () => {
    await network.killHub();
    await network.startHub();
    await network.statusUntil(
      'left',
      'control and relay are back',
      ({ health, self }) => health.length === 0 && self?.relay !== null,
      60_000,
    );
  });

  test('an exit node that is dead lets nothing out, and control is reached still', async () => {
    await network.cli.run('gate', ['down']);
    await network.statusUntil('left', 'it says so', ({ health }) =>
      health.some((sentence) => sentence.includes('offline')),
    );
    expect(await whoAnswers(network, 'left', STRANGER)).toBe('nobody');
    await network.cli.run('hub', ['control', 'nodes', 'approve-routes', 'gate', '--none']);
    await network.statusUntil('left', 'it is none any more', ({ health }) =>
      health.some((sentence) => sentence.includes('not in this network')),
    );
    expect(await whoAnswers(network, 'left', STRANGER)).toBe('nobody');
    await network.cli.run('hub', ['control', 'nodes', 'approve-routes', 'gate', '0.0.0.0/0']);
    await network.cli.run('gate', ['up']);
    await untilAnswers(network, 'left', STRANGER, `stranger ${GATE}`);
  });

  test('a daemon that is killed leaves nothing out; the next one takes up its choice', async () => {
    await network.killDaemon('left');
    expect(await whoAnswers(network, 'left', STRANGER)).toBe('nobody');
    await network.startDaemon('left');
    await untilAnswers(network, 'left', STRANGER, `stranger ${GATE}`);
    expect(await network.sh('left', 'ip rule | grep -c 4180')).toBe('1');
  });

  test('without it, and after the end, the machine is as it was', async () => {
    await set('left', '--exit-node=');
    await untilAnswers(network, 'left', STRANGER, `stranger ${HOME}`);
    await set('left', '--exit-node', network.addressOf('gate'));
    await untilAnswers(network, 'left', STRANGER, `stranger ${GATE}`);
    await network.cli.run('left', ['down', '--end-daemon']);
    await untilAnswers(network, 'left', STRANGER, `stranger ${HOME}`);
    expect(await network.sh('left', 'ip rule | wc -l; ip -6 rule | wc -l; nft list tables')).toBe(
      '3\n2',
    );
  });
});
