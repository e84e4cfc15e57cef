/**
 * Names between the kinds: a stock client that a Warren hub tells of DNS, and Warren nodes that headscale tells.
 * Either is asked as its own machine's programs ask it: dig and the C library in its namespace.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DnsQueryReport, DnsStatusReport } from '@warren/node/local-api/dns-report';
import type { WhoisReport } from '@warren/node/local-api/whois-report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNameServer } from '../dns/name-server.js';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon } from '../mesh/machines.js';
import { until } from '../mesh/places.js';
import { oneHub } from '../topology/one-hub.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { skipsGoPeers } from './go-peers.js';
import { Headscale } from './headscale.js';
import { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('headscale', 'tailscaled', 'tailscale');

const SERVICE = '100.100.100.100';
/** Somebody's name server, on the internet of the lab. */
const OUTSIDE = '18.204.7.9';
const RECORDS = ['--address=/x.corp.example/192.0.2.81', '--address=/www.example/192.0.2.80'];
/** Everybody to everybody, and by ssh to machines of one's own. */
const POLICY = {
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
  ssh: [{ action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self'], users: ['root'] }],
};
const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const TRUST_FILE = '/run/trusted.pem';

/** What a machine's programs are told of a name; empty: nothing. */
async function dig(world: World, machine: string, ...args: readonly string[]): Promise<string> {
  const argv = ['dig', '+time=5', '+tries=1', ...args];
  const { code, stdout } = await world.run(machine, argv);
  if (code !== 0) throw new Error(`dig ${args.join(' ')} on ${machine}: ${stdout}`);
  return stdout.trim();
}

function digUntil(
  world: World,
  machine: string,
  args: readonly string[],
  expected: string,
): Promise<void> {
  return until(world, machine, `${args.join(' ')} on ${machine}`, async () => {
    const answer = await dig(world, machine, '+short', ...args);
    if (answer !== expected) throw new Error(`it is ${answer}`);
  });
}

describe.skipIf(skips)('a stock client on a Warren hub that tells of DNS', () => {
  const DNS_FILE = '/run/dns.hujson';
  const POLICY_FILE = '/run/policy.hujson';
  let network: OneHubNetwork;
  let stock: StockClient;

  const setDns = (settings: object): Promise<unknown> =>
    network.world.run(
      'hub',
      ['sh', '-c', `cat > ${DNS_FILE}.new && mv ${DNS_FILE}.new ${DNS_FILE}`],
      {
        input: JSON.stringify(settings),
      },
    );

  beforeAll(async () => {
    network = await OneHubNetwork.start(['right'], {
      hubFlags: ['--dns-file', DNS_FILE, '--policy-file', POLICY_FILE],
      beforeServers: async (world) => {
        await world.run('hub', ['sh', '-c', `echo '{}' > ${DNS_FILE}`]);
        await world.run('hub', ['sh', '-c', `cat > ${POLICY_FILE}`], {
          input: JSON.stringify(POLICY),
        });
        await startNameServer(world, 'stranger', OUTSIDE, RECORDS);
        const original = { input: `nameserver ${OUTSIDE}\n` };
        await world.run('left', ['sh', '-c', 'cat > /etc/resolv.conf'], original);
      },
    });
    const joined = await joinStock(network, ['left'], { tun: 'tailscale0', upFlags: ['--ssh'] });
    stock = joined.get('left') as StockClient;
  });
  afterAll(() => network?.close());

  test('resolves our machines, by its resolver and by the system', async () => {
    const { world } = network;
    const right = network.addressOf('right');
    await digUntil(world, 'left', [`@${SERVICE}`, 'right.warren.internal'], right);
    await digUntil(world, 'left', [`@${SERVICE}`, '+tcp', '-x', right], 'right.warren.internal.');
    expect(await network.sh('left', 'getent ahostsv4 right')).toContain(right);
    const status = await dig(world, 'left', `@${SERVICE}`, 'nobody.warren.internal');
    expect(status).toContain('NXDOMAIN');
  });

  test('our resolver answers as its does', async () => {
    const { world } = network;
    const left = network.addressOf('left');
    const right = network.addressOf('right');
    const questions = [
      ...[left, right].map((address) => ['-x', address]),
      ...['A', 'AAAA', 'MX', 'ANY', 'NS', 'SOA'].map((type) => ['right.warren.internal', type]),
      ['nobody.warren.internal'],
      ['warren.internal'],
      ['-x', '100.64.0.200'],
      ['-x', SERVICE],
      ['abc.onion'],
    ];
    /** Status, the flag "authoritative", and the answers without their order. */
    const essence = async (machine: string, args: readonly string[]): Promise<unknown> => {
      const text = await dig(world, machine, `@${SERVICE}`, '+noedns', ...args);
      const [, status] = /status: (\w+)/.exec(text) ?? [];
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
      return { args, status, answers: lines.map((line) => line.split(/\s+/).slice(2)).sort() };
    };
    for (const question of questions) {
      expect(await essence('right', question)).toEqual(await essence('left', question));
    }
  });

  test('hears of nameservers, split DNS and records as they change', async () => {
    const { world } = network;
    await setDns({
      nameservers: { global: [OUTSIDE], split: { 'corp.example': [OUTSIDE] } },
      overrideLocalDns: true,
      searchDomains: ['corp.example'],
      extraRecords: [{ name: 'wiki.warren.internal', value: '100.64.0.99' }],
    });
    await digUntil(world, 'left', [`@${SERVICE}`, 'wiki.warren.internal'], '100.64.0.99');
    await digUntil(world, 'left', [`@${SERVICE}`, 'x.corp.example'], '192.0.2.81');
    await digUntil(world, 'left', [`@${SERVICE}`, 'www.example'], '192.0.2.80');
    expect(await network.sh('left', 'cat /etc/resolv.conf')).toContain('corp.example');
    const said = await stock.run('dns', 'status');
    expect(said).toContain('warren.internal');
    expect(said).toContain(OUTSIDE);
    await setDns({});
    await until(world, 'left', 'the record to go', async () => {
      const answer = await dig(world, 'left', `@${SERVICE}`, 'wiki.warren.internal');
      expect(answer).toContain('NXDOMAIN');
    });
  });

  test('is known to whois and its names to our commands', async () => {
    const { stdout } = await network.cli.attempt('right', ['whois', 'left', '--json']);
    const { machine } = JSON.parse(stdout) as WhoisReport;
    expect(machine).toMatchObject({ name: 'left.warren.internal', os: 'linux' });
    expect(machine.sshHostKeys.length).toBeGreaterThan(0);
  });

  test('takes our ssh, which knows its host keys by the network and no others', async () => {
    const { code, stdout, stderr } = await network.cli.attempt('right', [
      ...['ssh', 'root@left', 'hostname'],
    ]);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: 'left\n' });
    expect(stderr).not.toContain('known_hosts');
    // The same address under another name's keys: refused before anything is said.
    const config = 'HostKeyAlias=right.warren.internal';
    const plain = ['ssh', '-o', config, '-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes'];
    const other = await network.world.run('right', [
      ...plain,
      network.addressOf('left'),
      'hostname',
    ]);
    expect(other.stderr).toContain('Host key verification failed');
  });
});

describe.skipIf(skips)('Warren nodes on a headscale that tells of DNS', () => {
  let world: World;
  let cli: CommandLine;
  let stock: StockClient;
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    world = await startWorld(oneHub);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    await startNameServer(world, 'stranger', OUTSIDE, RECORDS);
    const headscale = await Headscale.start(world, 'hub', {
      override_local_dns: true,
      nameservers: { global: [OUTSIDE], split: { 'corp.example': [OUTSIDE] } },
      search_domains: ['corp.example'],
      extra_records: [{ name: 'wiki.hs.internal', type: 'A', value: '100.64.0.99' }],
    });
    const key = await headscale.createKey();
    writeFileSync(world.path('right', TRUST_FILE), headscale.certificatePem);
    await startDaemon(world, cli, 'right', [], { NODE_EXTRA_CA_CERTS: TRUST_FILE });
    const login = ['--login-server', headscale.url, '--auth-key', key];
    addresses.set('right', await joinMachine(world, cli, 'right', login));
    stock = await StockClient.start(world, 'left', headscale.certificatePem, 'tailscale0');
    await stock.up(headscale.url, key);
    addresses.set('left', await stock.run('ip', '-4'));
  });
  afterAll(() => world?.close());

  async function json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse((await cli.attempt('right', [...args, '--json'])).stdout) as T;
  }

  test('read its settings', async () => {
    const status = await json<DnsStatusReport>('dns', 'status');
    expect(status).toMatchObject({
      magicDns: true,
      suffix: 'hs.internal',
      resolvers: [OUTSIDE],
      routes: { 'corp.example': [OUTSIDE] },
      searchDomains: ['hs.internal', 'corp.example'],
      extraRecords: [{ name: 'wiki.hs.internal', type: 'A', value: '100.64.0.99' }],
      system: { isSet: true, nameservers: [SERVICE], matchDomains: null },
    });
  });

  test('resolve with them: machines, records, split DNS, everything else', async () => {
    await digUntil(world, 'right', ['left.hs.internal'], addresses.get('left') ?? '');
    await digUntil(world, 'right', ['wiki.hs.internal'], '100.64.0.99');
    await digUntil(world, 'right', ['x.corp.example'], '192.0.2.81');
    await digUntil(world, 'right', ['www.example'], '192.0.2.80');
    const { stdout } = await world.run('right', ['getent', 'ahostsv4', 'x']);
    expect(stdout).toContain('192.0.2.81');
    const own = await json<DnsQueryReport>('dns', 'query', 'right.hs.internal');
    expect(own.answers).toMatchObject([{ data: addresses.get('right') }]);
  });

  test('give the stock client beside them the same answers as it finds itself', async () => {
    for (const name of ['right.hs.internal', 'wiki.hs.internal', 'x.corp.example', 'www.example']) {
      const ours = await dig(world, 'right', '+short', `@${SERVICE}`, name);
      await digUntil(world, 'left', [`@${SERVICE}`, name], ours);
    }
  });
});
