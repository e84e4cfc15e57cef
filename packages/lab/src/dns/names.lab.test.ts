/**
 * Names of the network on real machines: what programs that know nothing of Warren resolve, what happens to
 * /etc/resolv.conf, and what the commands say. The name servers are dnsmasq, the questions dig's and the C library's.
 */
import type { DnsQueryReport, DnsStatusReport } from '@warren/node/local-api/dns-report';
import type { WhoisReport } from '@warren/node/local-api/whois-report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { startNameServer, timesAsked } from './name-server.js';

const skips = await skipsLab();

/** Outside, the system's own resolver. */
const OUTSIDE = '18.204.7.9';
const ORIGINAL = `# by the test\nsearch lan.example\nnameserver ${OUTSIDE}\noptions timeout:2\n`;
const SERVICE = '100.100.100.100';
const SERVICE_V6 = 'fd7a:115c:a1e0::53';
const DNS_FILE = '/run/dns.hujson';
/** Longer than a datagram may be. */
const LONG_TEXT = Array.from({ length: 12 }, (_, i) => `${String(i)}-${'x'.repeat(200)}`);

describe.skipIf(skips)('names of the network', () => {
  let network: OneHubNetwork;

  const dig = (machine: string, ...args: readonly string[]): Promise<string> =>
    network.sh(machine, `dig +time=5 +tries=1 ${args.join(' ')}`);
  const short = (machine: string, ...args: readonly string[]): Promise<string> =>
    dig(machine, '+short', ...args);
  const resolvConf = (machine: string): Promise<string> =>
    network.sh(machine, 'cat /etc/resolv.conf');

  async function json<T>(machine: string, ...args: readonly string[]): Promise<T> {
    const { stdout, stderr } = await network.cli.attempt(machine, [...args, '--json']);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as T;
  }

  /** The hub gets other settings; resolves when a machine has heard of them. */
  async function setDns(settings: object, heard: (status: DnsStatusReport) => boolean) {
    await network.world.run(
      'hub',
      ['sh', '-c', `cat > ${DNS_FILE}.new && mv ${DNS_FILE}.new ${DNS_FILE}`],
      {
        input: JSON.stringify(settings),
      },
    );
    await until(network.world, 'left', 'the new settings', async () => {
      const status = await json<DnsStatusReport>('left', 'dns', 'status');
      if (!heard(status)) throw new Error(JSON.stringify(status));
    });
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right'], {
      hubFlags: ['--dns-file', DNS_FILE],
      beforeServers: async (world) => {
        await world.run('hub', ['sh', '-c', `echo '{}' > ${DNS_FILE}`]);
        for (const machine of ['left', 'right']) {
          await world.run(machine, ['sh', '-c', 'cat > /etc/resolv.conf'], { input: ORIGINAL });
        }
        // What the computer itself has of an SSH server is none of these machines'.
        await world.run('right', ['rm', '-rf', '/etc/ssh']);
        await startNameServer(world, 'stranger', OUTSIDE, [
          '--address=/www.example/192.0.2.80',
          '--address=/x.corp.example/192.0.2.81',
          `--txt-record=long.example,${LONG_TEXT.join(',')}`,
        ]);
      },
    });
    await until(network.world, 'left', 'its resolver', () =>
      short('left', `@${SERVICE}`, 'right.warren.internal'),
    );
  }, 180_000);
  afterAll(() => network.close());

  test('of machines, both ways, over UDP and TCP, on both addresses', async () => {
    const right = network.addressOf('right');
    for (const server of [`@${SERVICE}`, `@${SERVICE_V6}`]) {
      for (const transport of ['+notcp', '+tcp']) {
        expect(await short('left', server, transport, 'right.warren.internal')).toBe(right);
      }
    }
    expect(await short('left', `@${SERVICE}`, '-x', right)).toBe('right.warren.internal.');
    expect(await dig('left', `@${SERVICE}`, 'nobody.warren.internal')).toContain('NXDOMAIN');
    const empty = await dig('left', `@${SERVICE}`, 'right.warren.internal', 'AAAA');
    expect(empty).toMatch(/NOERROR[\s\S]*ANSWER: 0/);
  });

  test('programs that ask the system find them too, by their bare names', async () => {
    expect(await resolvConf('left')).toMatch(/^nameserver 100\.100\.100\.100$/m);
    expect(await network.sh('left', 'getent ahostsv4 right')).toContain(network.addressOf('right'));
    expect(await network.sh('left', 'ping -n -c 1 -W 10 right')).toContain(
      network.addressOf('right'),
    );
  });

  test("all other names go to the system's own resolver, cut answers over TCP, and are kept", async () => {
    expect(await short('left', 'www.example')).toBe('192.0.2.80');
    expect(await short('left', 'www.example')).toBe('192.0.2.80');
    expect(await timesAsked(network.world, 'stranger', 'www.example')).toBe(1);
    const long = await dig('left', 'long.example', 'TXT', '+short');
    for (const text of LONG_TEXT) expect(long).toContain(text);
  });

  test("the hub's file reaches machines: split DNS, records, nameservers", async () => {
    await setDns(
      {
        nameservers: { split: { 'corp.example': [OUTSIDE] }, global: [] },
        searchDomains: ['corp.example'],
        extraRecords: [{ name: 'wiki.warren.internal', type: 'A', value: '100.64.0.99' }],
      },
      ({ routes }) => 'corp.example' in routes,
    );
    expect(await short('left', 'wiki.warren.internal')).toBe('100.64.0.99');
    expect(await network.sh('left', 'getent ahostsv4 x')).toContain('192.0.2.81');
    const status = await json<DnsStatusReport>('left', 'dns', 'status');
    expect(status).toMatchObject({
      acceptDns: true,
      magicDns: true,
      suffix: 'warren.internal',
      searchDomains: ['warren.internal', 'corp.example'],
      routes: { 'corp.example': [OUTSIDE] },
      listening: [SERVICE, SERVICE_V6],
      system: { manager: 'file', isSet: true, ownResolvers: [OUTSIDE] },
    });
    await setDns({}, ({ routes }) => !('corp.example' in routes));
    expect(await dig('left', 'wiki.warren.internal')).toContain('NXDOMAIN');
  });

  test('a machine that does not take the settings answers names and leaves the system alone', async () => {
    await network.cli.run('left', ['set', '--accept-dns=false']);
    await until(network.world, 'left', 'its own resolv.conf', async () => {
      expect(await resolvConf('left')).toBe(ORIGINAL.trim());
    });
    expect(await short('left', `@${SERVICE}`, 'right.warren.internal')).toBe(
      network.addressOf('right'),
    );
    expect(await dig('left', `@${SERVICE}`, 'www.example')).toContain('SERVFAIL');
    await network.cli.run('left', ['set', '--accept-dns']);
    await until(network.world, 'left', 'our resolv.conf', async () => {
      expect(await resolvConf('left')).toContain(SERVICE);
    });
  });

  test('commands say what they find', async () => {
    const found = await json<DnsQueryReport>('left', 'dns', 'query', 'right.warren.internal');
    expect(found).toMatchObject({ rcode: 'NOERROR', local: true });
    expect(found.answers).toMatchObject([{ type: 'A', data: network.addressOf('right') }]);
    const none = await network.cli.attempt('left', ['dns', 'query', 'nobody.warren.internal']);
    expect(none).toMatchObject({ code: 1 });
    expect(none.stdout).toContain('Response code: NXDOMAIN');
    expect(await network.cli.run('left', ['dns', 'status'])).toContain('MagicDNS: on');
    const who = await json<WhoisReport>('left', 'whois', `${network.addressOf('right')}:5000`);
    expect(who.machine).toMatchObject({ name: 'right.warren.internal', isSelf: false });
    expect(await network.cli.run('left', ['whois', 'right'])).toContain('right.warren.internal');
    expect(await network.cli.attempt('left', ['whois', '192.0.2.1'])).toMatchObject({ code: 3 });
  });

  test('nc carries bytes both ways and ends when both ends have', async () => {
    const echo = `require('net').createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(7000, '0.0.0.0')`;
    network.world.exec('right', [process.execPath, '-e', echo], {
      stdout: { file: '/run/echo.log' },
      stderr: { file: '/run/echo.log' },
    });
    await until(network.world, 'right', 'the echo', () =>
      network.sh(
        'right',
        `${process.execPath} -e "require('net').connect(7000).on('connect', () => process.exit())"`,
      ),
    );
    const main = network.cli.argv(['nc', 'right', '7000']);
    const { code, stdout } = await network.world.run('left', main, { input: 'a word\n' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'a word\n' });
    expect(await network.cli.attempt('left', ['nc', 'right', '7001'])).toMatchObject({ code: 1 });
  });

  test('ssh logs in by the name, with the host keys that the network knows, and says when it knows none', async () => {
    await network.sh(
      'right',
      `mkdir -p /run/sshd /run/keys && ssh-keygen -q -t ed25519 -N '' -f /run/keys/host && chmod 700 /run/sshd`,
    );
    await network.sh(
      'left',
      `mkdir -p /run/keys && ssh-keygen -q -t ed25519 -N '' -f /run/keys/user`,
    );
    const userKey = await network.sh('left', 'cat /run/keys/user.pub');
    const hostKey = await network.sh('right', 'cat /run/keys/host.pub');
    await network.world.run('right', ['sh', '-c', 'cat > /run/keys/authorized'], {
      input: userKey,
    });
    network.world.exec(
      'right',
      [
        ...['/usr/sbin/sshd', '-D', '-e', '-p', '22', '-h', '/run/keys/host', '-f', '/dev/null'],
        ...['-o', 'AuthorizedKeysFile=/run/keys/authorized', '-o', 'StrictModes=no'],
        ...['-o', 'PermitRootLogin=yes', '-o', 'UsePAM=no', '-o', 'PidFile=none'],
      ],
      { stdout: { file: '/run/sshd.log' }, stderr: { file: '/run/sshd.log' } },
    );
    const address = network.addressOf('right');
    // The system's own ssh settings: which key, and a known_hosts that knows the address.
    await network.world.run(
      'left',
      ['sh', '-c', 'mkdir -p /etc/ssh && cat > /etc/ssh/ssh_config'],
      {
        input: `Host *\n  IdentityFile /run/keys/user\n  UserKnownHostsFile /run/keys/known\n  StrictHostKeyChecking yes\n  BatchMode yes\n`,
      },
    );
    await network.world.run('left', ['sh', '-c', 'cat > /run/keys/known'], {
      input: `${address} ${hostKey.split(' ').slice(0, 2).join(' ')}\n`,
    });
    const ssh = await until(network.world, 'left', 'ssh', async () => {
      const result = await network.cli.attempt('left', ['ssh', 'root@right', 'hostname']);
      if (result.code !== 0)
        throw new Error(`${result.stderr}${await network.sh('right', 'cat /run/sshd.log')}`);
      return result;
    });
    expect(ssh.stdout.trim()).toBe('right');
    expect(ssh.stderr).toContain('The network knows no SSH host keys of right.warren.internal');
    // Now it knows them, and this machine's own list is of no use.
    await network.sh(
      'right',
      'mkdir -p /etc/ssh && echo HostKey /run/keys/host > /etc/ssh/sshd_config',
    );
    await network.cli.run('right', ['down']);
    await network.cli.run('right', ['up']);
    await network.sh('left', 'rm /run/keys/known');
    const known = await until(network.world, 'left', 'ssh with a known key', async () => {
      const result = await network.cli.attempt('left', ['ssh', 'root@right', 'hostname']);
      if (result.code !== 0) throw new Error(result.stderr);
      return result;
    });
    expect(known).toMatchObject({ stdout: 'right\n', stderr: '' });
    expect(await network.cli.attempt('left', ['ssh', 'root@right', 'exit 7'])).toMatchObject({
      code: 7,
    });
  });

  test('a file that is a mount of its own, as in containers, is written in place and put back', async () => {
    await network.cli.run('right', ['down']);
    const bind = 'cp /etc/resolv.conf /run/bound && mount --bind /run/bound /etc/resolv.conf';
    await until(network.world, 'right', 'the original', async () => {
      expect(await resolvConf('right')).toBe(ORIGINAL.trim());
    });
    await network.sh('right', bind);
    await network.cli.run('right', ['up']);
    await until(network.world, 'right', 'our resolv.conf', async () => {
      expect(await resolvConf('right')).toContain(SERVICE);
    });
    expect(await network.sh('right', 'getent ahostsv4 left')).toContain(network.addressOf('left'));
    await network.cli.run('right', ['down']);
    await until(network.world, 'right', 'the original', async () => {
      expect(await resolvConf('right')).toBe(ORIGINAL.trim());
    });
    expect(await network.sh('right', 'ls /etc | grep -c pre-warren || true')).toBe('0');
    await network.cli.run('right', ['up']);
  });

  test('after kill -9 the next start puts the original back, after an orderly end it is back at once', async () => {
    await network.killDaemon('left');
    expect(await resolvConf('left')).toContain(SERVICE);
    await network.startDaemon('left');
    await network.statusUntil('left', 'up again', ({ state }) => state === 'Running');
    await until(network.world, 'left', 'our resolv.conf', async () => {
      expect(await resolvConf('left')).toContain(SERVICE);
      expect(await network.sh('left', 'cat /etc/resolv.pre-warren-backup.conf')).toBe(
        ORIGINAL.trim(),
      );
    });
    await network.cli.run('left', ['down']);
    await until(network.world, 'left', 'the original', async () => {
      expect(await resolvConf('left')).toBe(ORIGINAL.trim());
    });
    // Down and killed: the next start finds nothing to do, and leaves everything as it is.
    await network.cli.run('left', ['up']);
    await until(network.world, 'left', 'our resolv.conf', async () => {
      expect(await resolvConf('left')).toContain(SERVICE);
    });
    await network.sh('left', `kill ${network.pidOf('left')}`).catch(() => undefined);
    await network.sh('world', `kill ${network.pidOf('left')} 2>/dev/null || true`);
    await network.daemonEnded('left');
    expect(await resolvConf('left')).toBe(ORIGINAL.trim());
    expect(await network.sh('left', 'ls /etc | grep -c pre-warren || true')).toBe('0');
  });
});
