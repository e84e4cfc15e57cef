/**
 * coturn's word about our NATs, and coturn and Warren's STUN against each other, through those NATs.
 * Needs Debian's packages coturn and stun-client.
 */
import { once } from 'node:events';
import { NAT_PROFILES } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { coturnPort, startCoturn } from './coturn.js';

const [server] = natZoo.hosts;
const [first = '', second = ''] = server?.addresses ?? [];

/** Warren's server stands beside coturn. */
const warrenPort = 3480;
/** Of coturn's client, one after the other. */
const PORTS = [5555, 5556, 5557] as const;

let world: World;
let warren: WorldProcess;

beforeAll(async () => {
  world = await startWorld(natZoo);
  await startCoturn(world, 'server', [first, second]);
  warren = world.exec(
    'server',
    scriptArgv('interop/stun-host', 'serve', first, String(warrenPort)),
    { stdin: 'pipe', stderr: { file: '/run/stun-host.log' } },
  );
  await once(warren.stdout as NodeJS.EventEmitter, 'data');
});

afterAll(async () => {
  await world.close();
});

async function counters(): Promise<Record<string, number>> {
  warren.stdin?.write('\n');
  const [line] = (await once(warren.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
  return JSON.parse(line.toString()) as Record<string, number>;
}

describe.concurrent('coturn classifies', () => {
  async function discover(machine: string, port: number = PORTS[0]): Promise<string> {
    const local = ['-L', world.addressOf(machine), '-l', String(port)];
    const { stdout } = await world.run(machine, [
      'turnutils_natdiscovery',
      '-m',
      '-f',
      ...local,
      first,
    ]);
    return stdout;
  }

  const truths = [
    ['behind-easy', 'Endpoint Independent', 'Address and Port Dependent'],
    ['behind-hard', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-full-cone', 'Endpoint Independent', 'Endpoint Independent'],
    ['behind-restricted-cone', 'Endpoint Independent', 'Address Dependent'],
    ['behind-easy-range', 'Endpoint Independent', 'Address and Port Dependent'],
    ['behind-hard-range', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-cone-other-ports', 'Endpoint Independent', 'Endpoint Independent'],
    ['behind-sequential', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-address-dependent', 'Address Dependent', 'Address and Port Dependent'],
    ['behind-address-dependent-loose', 'Address Dependent', 'Address Dependent'],
    ['behind-hard-pool', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-port-block', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-port-parity', 'Address and Port Dependent', 'Address and Port Dependent'],
    ['behind-one-to-one', 'Endpoint Independent', 'Endpoint Independent'],
    ['behind-one-to-one-firewalled', 'Endpoint Independent', 'Address and Port Dependent'],
  ] as const;

  test.each(truths)('%s as %s Mapping, %s Filtering', async (machine, mapping, filtering) => {
    // A port drawn at random from 64 is the one before every 64th time: from other ports, that is seen again.
    let words = '';
    for (const port of PORTS) {
      words = await discover(machine, port);
      if (words.includes(`NAT with ${mapping} Mapping!`)) break;
    }
    expect(words).toContain(`NAT with ${mapping} Mapping!`);
    expect(words).toContain(`NAT with ${filtering} Filtering!`);
  });

  test('behind-firewall as no NAT with Address and Port Dependent Filtering', async () => {
    const words = await discover('behind-firewall');
    expect(words).toContain('No NAT!');
    expect(words).toContain('NAT with Address and Port Dependent Filtering!');
  });

  test('behind-udp-blocked as nothing at all', async () => {
    expect(await discover('behind-udp-blocked')).not.toMatch(/NAT with|No NAT/);
  });

  test('in-the-open as no NAT that filters nothing', async () => {
    const words = await discover('in-the-open');
    expect(words).toContain('No NAT!');
    expect(words).toContain('NAT with Endpoint Independent Filtering!');
  });
});

describe.concurrent('the older stun client, against coturn, classifies', () => {
  const truths = [
    ['in-the-open', 'Open'],
    ['behind-easy', 'Independent Mapping, Port Dependent Filter, preserves ports'],
    ['behind-hard', 'Dependent Mapping, random port'],
    ['behind-full-cone', 'Independent Mapping, Independent Filter, preserves ports'],
    ['behind-restricted-cone', 'Independent Mapping, Address Dependent Filter, preserves ports'],
  ] as const;

  test.each(truths)('%s as %s', async (machine, words) => {
    const { stdout } = await world.run(machine, ['stun', `${first}:${coturnPort}`, '-p', '6000']);
    expect(stdout).toContain(`Primary: ${words}`);
  });
});

describe('Warren’s STUN server', () => {
  const reachable = NAT_PROFILES.filter((profile) => profile !== 'udp-blocked');
  const machines = ['in-the-open', ...reachable.map((profile) => `behind-${profile}`)];

  test.each(machines)('tells coturn’s client in %s where it is', async (machine) => {
    const before = await counters();
    const argv = ['turnutils_stunclient', '-p', String(warrenPort), first];
    const { stdout } = await world.run(machine, argv, { timeoutMs: 20_000 });
    const network = natZoo.networks.find(({ name }) => machine === `behind-${name}`);
    const [, seen = ''] = /UDP reflexive addr: ([\d.]+):\d+/.exec(stdout) ?? [];
    expect(network?.addresses ?? [world.publicAddressOf(machine)]).toContain(seen);
    expect((await counters())['answered']).toBeGreaterThan(before['answered'] ?? 0);
  });

  test('refuses what it does not offer, and says so: a change of address', async () => {
    const local = ['-L', world.addressOf('in-the-open'), '-l', '5560'];
    const argv = ['turnutils_natdiscovery', '-f', ...local, '-p', String(warrenPort), first];
    const { stdout } = await world.run('in-the-open', argv, { timeoutMs: 20_000 });
    expect(stdout).not.toContain('Endpoint Independent Filtering');
    expect((await counters())['requests']).toBeGreaterThan(0);
  });

  test('does not answer clients of before the magic cookie', async () => {
    const before = await counters();
    const argv = ['stun', `${first}:${warrenPort}`, '1', '-p', '6100'];
    await world.run('in-the-open', argv, { timeoutMs: 1500 });
    const after = await counters();
    expect(after['drop-bad-cookie']).toBeGreaterThan(before['drop-bad-cookie'] ?? 0);
    expect(after['answered']).toBe(before['answered']);
  });
});

describe('Warren’s STUN client', () => {
  async function ask(machine: string): Promise<string[]> {
    const servers = [
      `${first}:${coturnPort}`,
      `${first}:${coturnPort + 1}`,
      `${second}:${coturnPort}`,
      `${first}:${warrenPort}`,
    ];
    const { stdout, stderr } = await world.run(
      machine,
      scriptArgv('interop/stun-host', 'ask', '7000', ...servers),
    );
    expect(stderr).toBe('');
    return JSON.parse(stdout) as string[];
  }

  test.each(['in-the-open', 'behind-easy', 'behind-full-cone', 'behind-restricted-cone'])(
    'hears the same endpoint from coturn and from Warren in %s',
    async (machine) => {
      const mapped = `${world.publicAddressOf(machine)}:7000`;
      expect(await ask(machine)).toEqual([mapped, mapped, mapped, mapped]);
    },
  );

  test('hears four endpoints of one address behind a hard NAT', async () => {
    const heard = await ask('behind-hard');
    expect(new Set(heard).size).toBe(4);
    for (const endpoint of heard) {
      expect(endpoint.startsWith(`${world.publicAddressOf('behind-hard')}:`)).toBe(true);
    }
  });
});
