/**
 * System DNS through those who manage it on other machines: the two programs that are called resolvconf, and
 * systemd-resolved on a D-Bus of its own. Each is laid over the /usr of a machine, as scripts/unpack-dns-managers.sh
 * unpacked it.
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
  if (existsSync(directory)) return directory;
  throw new Error(`${name} is not unpacked: run scripts/unpack-dns-managers.sh`);
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

const BUS_CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/>
    <allow send_type="method_call"/><allow send_type="method_return"/>
    <allow send_type="signal"/><allow send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="signal"/><allow receive_type="error"/>
  </policy>
</busconfig>`;

describe.skipIf(skips)('a machine with systemd-resolved', () => {
  let network: OneHubNetwork;

  const resolvectl = (...args: readonly string[]): Promise<string> =>
    network.sh('left', `resolvectl --no-pager ${args.join(' ')}`);
  const resolvConf = (): Promise<string> => network.sh('left', 'cat /etc/resolv.conf');

  /** Starts the bus and resolved, as init would. */
  async function startResolved(world: World): Promise<void> {
    const tree = unpacked('systemd-resolved');
    const layers = [overlay(`${tree}/lib`, '/usr/lib'), overlay(`${tree}/usr/bin`, '/usr/bin')];
    await script(world, 'left', layers.join('\n'));
    await script(
      world,
      'left',
      `mkdir -p /run/dbus /run/systemd/resolve /etc/systemd
      echo 'systemd-resolve:x:981:981::/:/usr/sbin/nologin' >> /etc/passwd
      echo 'systemd-resolve:x:981:' >> /etc/group
      chown 981:981 /run/systemd/resolve
      printf '[Resolve]\\nDNS=${OUTSIDE}\\nFallbackDNS=\\nDNSSEC=no\\nLLMNR=no\\nMulticastDNS=no\\n' > /etc/systemd/resolved.conf
      ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
      cat > /run/bus.conf`,
      BUS_CONFIG,
    );
    const output = { file: '/run/resolved.log' };
    const bus = ['dbus-daemon', '--config-file=/run/bus.conf', '--nofork', '--nopidfile'];
    world.exec('left', bus, { stdout: output, stderr: output });
    await until(world, 'left', 'the bus', () =>
      script(world, 'left', 'test -S /run/dbus/system_bus_socket'),
    );
    world.exec('left', ['/usr/lib/systemd/systemd-resolved'], { stdout: output, stderr: output });
    await until(world, 'left', 'resolved', () =>
      script(
        world,
        'left',
        'resolvectl --no-pager dns && test -e /run/systemd/resolve/stub-resolv.conf',
      ),
    );
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right'], {
      beforeServers: async (world) => {
        await startNameServer(world, 'stranger', OUTSIDE, ['--address=/www.example/192.0.2.80']);
        await startResolved(world);
      },
    });
    await until(network.world, 'left', 'our resolver at the device', async () => {
      expect(await resolvectl('dns', 'warren0')).toContain(SERVICE);
    });
  }, 180_000);
  afterAll(() => network?.close());

  test('sends names of the network to the node and all others where they went before', async () => {
    const right = network.addressOf('right');
    await until(network.world, 'left', 'the name', async () => {
      expect(await network.sh('left', 'getent ahostsv4 right')).toContain(right);
    });
    expect(await network.sh('left', 'getent ahostsv4 www.example')).toContain('192.0.2.80');
    const domains = await resolvectl('domain', 'warren0');
    expect(domains).toContain('warren.internal');
    expect(domains).toContain('~100.100.in-addr.arpa');
    expect(await resolvectl('default-route', 'warren0')).toContain('no');
    const { stdout } = await network.cli.attempt('left', ['dns', 'status', '--json']);
    const report = JSON.parse(stdout) as DnsStatusReport;
    expect(report.system).toMatchObject({
      manager: 'systemd-resolved',
      isSet: true,
      ownResolvers: [OUTSIDE],
    });
    // What is asked of the node itself doesn't go to the node in a circle.
    expect(report.inUse.defaults).toEqual([OUTSIDE]);
  });

  test('keeps its own file, and forgets the node when that goes down', async () => {
    expect(await resolvConf()).toContain('nameserver 127.0.0.53');
    await network.cli.run('left', ['down']);
    await until(network.world, 'left', 'the device without resolver', async () => {
      expect(await resolvectl('dns')).not.toContain(SERVICE);
    });
    expect(await resolvConf()).toContain('nameserver 127.0.0.53');
    await network.cli.run('left', ['up']);
    await until(network.world, 'left', 'our resolver again', async () => {
      expect(await resolvectl('dns', 'warren0')).toContain(SERVICE);
    });
    await network.killDaemon('left');
    await until(network.world, 'left', 'no trace', async () => {
      expect(await resolvectl('dns')).not.toContain(SERVICE);
    });
  });
});
