/**
 * System DNS through the two programs that are called resolvconf, on a machine that has one of them: laid over
 * its /usr and /etc, as scripts/unpack-resolvconf.sh unpacked it.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { DnsStatusReport } from '@warren/node/local-api/dns-report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import type { World } from '../world/world.js';
import { startNameServer } from './name-server.js';

const skips = await skipsLab();

const SERVICE = '100.100.100.100';
const OUTSIDE = '18.204.7.9';

function unpacked(name: string): string {
  const { WARREN_PEERS_DIR: own, XDG_CACHE_HOME: cache } = process.env;
  const root = own || join(cache || join(homedir(), '.cache'), 'warren-peers');
  const directory = join(root, `${name}@debian`);
  if (existsSync(join(directory, 'sbin'))) return directory;
  throw new Error(`${name} is not unpacked: run scripts/unpack-resolvconf.sh`);
}

async function script(world: World, place: string, text: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await world.run(place, ['sh', '-ec', text], { input });
  if (code === 0) return stdout;
  throw new Error(`${text}: ${stdout}${stderr}`);
}

const overlay = (directory: string, over: string): string =>
  `mount -t overlay overlay -o lowerdir=${directory}:${over} ${over}`;

/** What a package does when it is installed, and the record of the machine's own interface. */
const SET_UP = {
  openresolv: `resolvconf -a eth0`,
  resolvconf: `mkdir -p /run/resolvconf/interface
    ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf
    resolvconf --enable-updates
    resolvconf -a eth0.dhclient`,
} as const;

describe.skipIf(skips).each(['openresolv', 'resolvconf'] as const)('a machine with %s', (name) => {
  let network: OneHubNetwork;
  let before = '';

  const resolvConf = (): Promise<string> => network.sh('left', 'cat /etc/resolv.conf');

  beforeAll(async () => {
    const tree = unpacked(name);
    network = await OneHubNetwork.start(['left', 'right'], {
      beforeServers: async (world) => {
        await startNameServer(world, 'stranger', OUTSIDE, ['--address=/www.example/192.0.2.80']);
        const layers = [overlay(`${tree}/sbin`, '/usr/sbin'), overlay(`${tree}/lib`, '/usr/lib')];
        await script(world, 'left', [...layers, `cp -r ${tree}/etc/. /etc`].join('\n'));
        await script(world, 'left', SET_UP[name], `search lan.example\nnameserver ${OUTSIDE}\n`);
        before = await script(world, 'left', 'cat /etc/resolv.conf');
      },
    });
    await until(network.world, 'left', 'our resolv.conf', async () => {
      expect(await resolvConf()).toContain(SERVICE);
    });
  }, 180_000);
  afterAll(() => network?.close());

  test('its own resolver was there before', () => {
    expect(before).toContain(`nameserver ${OUTSIDE}`);
  });

  test('resolves names of the network first, and everything else as before', async () => {
    const [first] = (await resolvConf()).match(/^nameserver .*$/gm) ?? [];
    expect(first).toBe(`nameserver ${SERVICE}`);
    const right = network.addressOf('right');
    expect(await network.sh('left', 'getent ahostsv4 right')).toContain(right);
    expect(await network.sh('left', 'getent ahostsv4 www.example')).toContain('192.0.2.80');
    const { stdout } = await network.cli.attempt('left', ['dns', 'status', '--json']);
    expect((JSON.parse(stdout) as DnsStatusReport).system).toMatchObject({
      manager: 'resolvconf',
      isSet: true,
      ownResolvers: [OUTSIDE],
    });
  });

  test('after kill -9 the next start goes on, and `down` leaves what was there before', async () => {
    await network.killDaemon('left');
    expect(await resolvConf()).toContain(SERVICE);
    await network.startDaemon('left');
    await network.statusUntil('left', 'up again', ({ state }) => state === 'Running');
    await network.cli.run('left', ['down']);
    await until(network.world, 'left', 'the original', async () => {
      expect((await resolvConf()).trim()).toBe(before.trim());
    });
  });
});
