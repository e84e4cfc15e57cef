/**
 * Static endpoints of every source make a machine behind a hard NAT reachable from behind another one: each
 * of four machines stands behind a balancer of its own and is told so in its own way. A fifth is reached by IPv6 alone.
 */
import { fileURLToPath } from 'node:url';
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon, statusOf, waitForPeers } from '../mesh/machines.js';
import { createKey, hubUrl, startHub } from '../mesh/servers.js';
import { skipsLab } from '../testing/lab-ring.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const skips = await skipsLab();

const mainScript = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));

/** How each balanced machine is told. */
const told: readonly string[] = ['by-flag', 'by-variable', 'by-file', 'by-up'];
const port = 41_641;
const balancerOf = (machine: string): string => `35.80.4.${21 + told.indexOf(machine)}`;
const endpointOf = (machine: string): string => `${balancerOf(machine)}:${port}`;

/**
 * Its own UDP port is another one on the IPv6 internet, which no server sees for it; and what it sends to far is let in by
 * far's firewall only after far has sent there.
 */
const sixAddress = '2a02:8109:b511:1::a';
const sixPort = 7_000;
const sixEndpoint = `[${sixAddress}]:${sixPort}`;
const otherPort = `table ip6 other_port {
  chain in {
    type filter hook prerouting priority raw; policy accept;
    udp dport ${port} drop
    udp dport ${sixPort} udp dport set ${port}
  }
  chain out {
    type filter hook output priority raw; policy accept;
    udp sport ${port} udp sport set ${sixPort}
  }
}
`;

const balanced: Topology = {
  name: 'balanced',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [{ name: 'hub', region: 'town', addresses: [ip('3.210.5.10')] }],
  networks: [
    {
      name: 'cloud',
      region: 'town',
      addresses: ['35.80.4.20', ...told.map(balancerOf)].map(ip),
      nat: 'hard',
      lan: cidr('10.0.3.0/24'),
      balancers: told.map((machine) => ({ address: ip(balancerOf(machine)), port, machine })),
    },
    {
      name: 'office',
      region: 'town',
      addresses: [ip('52.41.2.13')],
      nat: 'hard',
      lan: cidr('10.0.2.0/24'),
      ipv6: { lan: cidr('2a02:8109:b512:1::/64'), firewalled: true },
    },
    {
      name: 'dual',
      region: 'town',
      addresses: [ip('52.41.2.14')],
      nat: 'hard',
      lan: cidr('10.0.4.0/24'),
      ipv6: { lan: cidr('2a02:8109:b511:1::/64'), firewalled: false },
    },
  ],
  machines: [
    ...told.map((name, index) => ({
      name,
      at: { kind: 'lan', network: 'cloud', address: ip(`10.0.3.${10 + index}`) } as const,
    })),
    {
      name: 'far',
      at: {
        ...{ kind: 'lan', network: 'office', address: ip('10.0.2.10') },
        ipv6: ip('2a02:8109:b512:1::a'),
      },
    },
    {
      name: 'by-six',
      at: { kind: 'lan', network: 'dual', address: ip('10.0.4.10'), ipv6: ip(sixAddress) },
    },
  ],
};

describe.skipIf(skips)('a static endpoint', () => {
  let world: World;
  let cli: CommandLine;
  let join: readonly string[];

  beforeAll(async () => {
    world = await startWorld(balanced);
    cli = new CommandLine(world, [process.execPath, mainScript]);
    await startHub(world, cli, 'hub', { id: 901, code: 'town', name: 'Town' });
    const { key } = await createKey(world, cli, 'hub', ['--reusable']);
    join = ['--login-server', hubUrl(world, 'hub'), '--auth-key', key];
    await startDaemon(world, cli, 'by-flag', ['--static-endpoint', endpointOf('by-flag')]);
    await startDaemon(world, cli, 'by-variable', [], {
      WARREN_STATIC_ENDPOINTS: endpointOf('by-variable'),
    });
    await write('by-file', `{ // ours\n  "staticEndpoints": ["${endpointOf('by-file')}"],\n}`);
    await startDaemon(world, cli, 'by-file');
    await world.run('by-six', ['nft', '-f', '-'], { input: otherPort });
    await startDaemon(world, cli, 'by-six', ['--static-endpoint', sixEndpoint]);
    await startDaemon(world, cli, 'far');
    for (const machine of ['by-flag', 'by-variable', 'by-file', 'by-six', 'far']) {
      await joinMachine(world, cli, machine, join);
    }
    // Here the command starts the daemon.
    await joinMachine(world, cli, 'by-up', [...join, '--static-endpoint', endpointOf('by-up')]);
    await waitForPeers(world, [...told, 'by-six', 'far']);
  });

  afterAll(async () => {
    await world.close();
  });

  async function write(machine: string, text: string): Promise<void> {
    const script = 'mkdir -p /etc/warren && cat > /etc/warren/node.hujson';
    await world.run(machine, ['sh', '-c', script], { input: text });
  }

  test.each(told)('told %s is one endpoint of several, and peers use it', async (machine) => {
    const { self, settings } = await statusOf(world, machine);
    expect(settings.staticEndpoints).toEqual([endpointOf(machine)]);
    expect(self?.endpoints).toContainEqual(
      expect.objectContaining({ addr: endpointOf(machine), type: 'static' }),
    );
    const types = self?.endpoints.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['stun', 'local', 'static']));
    const text = await cli.run('far', [
      'ping',
      machine,
      '--json',
      '-c',
      '20',
      '--interval',
      '200ms',
    ]);
    const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown;
    expect(last).toMatchObject({ path: 'direct', endpoint: endpointOf(machine) });
    // Far reached it there unasked: that is the proof, and what is proven is told first. Far's call comes over the
    // relay at the same time; if it is the first, the machine has sent to another port of far's address by then.
    const [first] = (await statusOf(world, machine)).self?.endpoints ?? [];
    expect(first).toMatchObject({ addr: endpointOf(machine), type: 'static' });
    expect(['yes', 'port-only']).toContain(first?.verified);
    const listed = await cli.run('hub', ['control', 'nodes', 'list', '--json']);
    expect(listed).toContain(endpointOf(machine));
  });

  test('of IPv6 is where peers reach a machine that they reach nowhere else', async () => {
    const { self } = await statusOf(world, 'by-six');
    expect(self?.endpoints).toContainEqual(
      expect.objectContaining({ addr: sixEndpoint, type: 'static' }),
    );
    const pings = ['ping', 'by-six', '--json', '-c', '20', '--interval', '200ms'];
    const text = await cli.run('far', pings);
    const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown;
    expect(last).toMatchObject({ path: 'direct', endpoint: sixEndpoint });
  });

  test('that up asks for and a running daemon has, is fine; another one is an error', async () => {
    const known = await cli.attempt('by-file', ['up', '--static-endpoint', endpointOf('by-file')]);
    expect(known).toMatchObject({ code: 0 });
    const unknown = await cli.attempt('by-file', ['up', '--static-endpoint', '35.80.4.99:1']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(
      /without the static endpoint 35\.80\.4\.99:1 \(DAEMON_SETTINGS\)/,
    );
    expect(await cli.run('by-up', ['status'])).toContain(
      `# Static endpoints: ${endpointOf('by-up')}`,
    );
  });

  test('in a damaged file keeps a daemon from starting, with the line', async () => {
    await write('hub', '{\n  "staticEndpoints": ["35.80.4.20"]\n}');
    const refused = await cli.attempt('hub', ['daemon']);
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain('/etc/warren/node.hujson:2:23: "35.80.4.20" is not');
    const elsewhere = await cli.attempt('hub', ['daemon', '--config', '/etc/none.hujson']);
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.stderr).toContain('FILE_MISSING');
    const flag = await cli.attempt('hub', ['daemon', '--static-endpoint', '127.0.0.1:1']);
    expect(flag.code).toBe(64);
    expect(flag.stderr).toContain('no peer can send to 127.0.0.1');
  });
});
