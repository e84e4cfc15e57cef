/** Carriers' NATs, NAT64, hairpin and busy NATs are what they say, as our own probe and coturn's see them. */
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { ip } from '@warren/sim/topology/literals';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCoturn } from '../interop/coturn.js';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { throughNat64 } from '../topology/nat64.js';
import { BUSY_PER_SECOND, HAIRPIN_PROFILES, routerZoo } from '../topology/router-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import type { NatReport } from './nat-probe.js';

const skips = await skipsLab();

/** Nothing comes: a lab's datagram takes a millisecond, a busy computer some more. */
const SILENCE_MS = 1500;

const portOf = (endpoint: string): number => Number(endpoint.split(':').at(-1));

/** A `talker` and what it has said so far. */
interface Talker {
  readonly process: WorldProcess;
  readonly lines: Interface;
  readonly outside: string;
}

describe.skipIf(skips)('routers', () => {
  let world: World;
  const [server] = routerZoo.hosts;
  const [first = '', second = ''] = server?.addresses ?? [];

  beforeAll(async () => {
    world = await startWorld(routerZoo);
    const echo = world.exec('server', scriptArgv('probe/echo-server', first, second));
    await once(echo.stdout as NodeJS.EventEmitter, 'data');
    await startCoturn(world, 'server', [first, second]);
  });

  afterAll(async () => {
    await world.close();
  });

  function atOf(machine: string) {
    const at = routerZoo.machines.find(({ name }) => name === machine)?.at;
    if (at?.kind !== 'lan') throw new Error(`${machine} is in a LAN`);
    return at;
  }

  /** IPv6 machines name the server by the prefix that their router translates. */
  function probeArguments(machine: string): readonly [string, string, string] {
    const { address, ipv6 } = atOf(machine);
    if (ipv6 === undefined) return [address, first, second];
    return [ipv6, throughNat64(ip(first)), throughNat64(ip(second))];
  }

  async function probe(machine: string, port: number): Promise<NatReport> {
    const [local, a, b] = probeArguments(machine);
    const argv = scriptArgv('probe/nat-probe', local, String(port), a, b);
    const { stdout, stderr } = await world.run(machine, argv);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as NatReport;
  }

  const truths = [
    ['carrier-easy', 'EIM', 'APDF', true],
    ['carrier-hard', 'APDM', 'APDF', false],
    ['carrier-cone', 'EIM', 'APDF', true],
    ['carrier-cones', 'EIM', 'EIF', true],
    ['carrier-sequential', 'APDM', 'APDF', false],
    ['nat64', 'EIM', 'APDF', true],
    ['nat64-cone', 'EIM', 'ADF', true],
    ['nat64-hard', 'APDM', 'APDF', false],
    ['quiet', 'APDM', 'APDF', false],
    ['busy', 'APDM', 'APDF', false],
  ] as const;

  test.each(truths)('%s: %s, %s', async (network, mapping, filtering, portPreserving) => {
    const machine = `behind-${network}`;
    const report = await probe(machine, 5000);
    expect(report).toMatchObject({ mapping, filtering, portPreserving });
    for (const seen of report.seen) {
      expect(seen.startsWith(`${world.publicAddressOf(machine)}:`)).toBe(true);
    }
  });

  const words = {
    EIM: 'Endpoint Independent',
    EIF: 'Endpoint Independent',
    ADF: 'Address Dependent',
  };
  const dependent = 'Address and Port Dependent';

  test.concurrent.each(truths)(
    'coturn says so too of %s: %s, %s',
    async (network, mapping, filtering) => {
      const machine = `behind-${network}`;
      const [local, target] = probeArguments(machine);
      const argv = ['turnutils_natdiscovery', '-m', '-f', '-L', local, '-l', '5555', target];
      const { stdout } = await world.run(machine, argv);
      // Its answers name the other address as the server has it, which an IPv6 machine can't send to.
      if (local.includes(':')) return expect(stdout).toContain(world.publicAddressOf(machine));
      expect(stdout).toContain(`NAT with ${mapping === 'EIM' ? words.EIM : dependent} Mapping!`);
      expect(stdout).toContain(
        `NAT with ${filtering === 'APDF' ? dependent : words[filtering]} Filtering!`,
      );
    },
  );

  test('behind a carrier both the carrier and the router remember the flow', async () => {
    await probe('behind-carrier-hard', 5100);
    const table = async (place: string): Promise<string> =>
      (await world.run(place, ['conntrack', '-L', '-p', 'udp'])).stdout;
    expect(await table('router-carrier-hard')).toMatch(
      /src=192\.168\.\d+\.10 .*dst=100\.64\.0\.2 /,
    );
    expect(await table('cgn-carrier-hard')).toMatch(/src=100\.64\.0\.2 .*dst=52\.41\.2\.\d+ /);
  });

  test('machines of an IPv6-only LAN have no address of IPv4, and reach IPv6 as it is', async () => {
    const own = await world.run('behind-nat64', ['ip', '-4', 'addr', 'show', 'dev', 'eth0']);
    expect(own.stdout).toBe('');
    const ping = await world.run('behind-nat64', ['ping', '-c1', '-w5', '2a02:8109:b510::10']);
    expect(ping.code).toBe(0);
  });

  test('others take the ports between ours, at the rate they are said to', async () => {
    const gap = async (network: string, port: number): Promise<number> => {
      const seen = (await probe(`behind-${network}`, port)).seen.map(portOf);
      const startedAt = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const later = (await probe(`behind-${network}`, port + 2)).seen.map(portOf);
      const seconds = (performance.now() - startedAt) / 1000;
      return ((later[0] ?? 0) - (seen[3] ?? 0)) / seconds;
    };
    expect(await gap('quiet', 5200)).toBeLessThan(10);
    const busy = await gap('busy', 5200);
    expect(busy).toBeGreaterThan(BUSY_PER_SECOND / 3);
    expect(busy).toBeLessThan(BUSY_PER_SECOND * 1.5);
  });

  async function talk(machine: string, port: number): Promise<Talker> {
    const argv = scriptArgv('probe/talker', world.addressOf(machine), String(port), first);
    const process = world.exec(machine, argv, { stdin: 'pipe', stderr: 'ignore' });
    if (process.stdout === null) throw new Error('it has a stdout');
    const lines = createInterface({ input: process.stdout });
    const [seen] = (await once(lines, 'line')) as [string];
    return { process, lines, outside: seen.replace('seen ', '') };
  }

  /** From where a datagram of one arrives at the other; `nothing`: it does not. */
  async function send(from: Talker, to: Talker): Promise<string> {
    const signal = AbortSignal.timeout(SILENCE_MS);
    const arrived = once(to.lines, 'line', { signal }) as Promise<[string]>;
    from.process.stdin?.write(`${to.outside}\n`);
    return arrived.then(
      ([line]) => line.replace('from ', ''),
      () => 'nothing',
    );
  }

  const isOpen = (nat: string): boolean => nat === 'full-cone' || nat === 'cone-other-ports';

  test.each([...HAIRPIN_PROFILES.map((nat) => `hairpin-${nat}`), 'carrier-hairpin'])(
    '%s: two machines of a LAN meet at their outer endpoints, filtered as from outside',
    async (network) => {
      const [a, b] = [await talk(`behind-${network}`, 5300), await talk(`beside-${network}`, 5301)];
      expect(await send(a, b)).toBe(
        isOpen(network.replace('hairpin-', '')) ? a.outside : 'nothing',
      );
      expect(await send(b, a)).toBe(b.outside);
      expect(await send(a, b)).toBe(a.outside);
      for (const { process } of [a, b]) process.stdin?.end();
    },
  );

  test('a machine hears itself at its own outer endpoint', async () => {
    const a = await talk('behind-hairpin-easy', 5400);
    expect(await send(a, a)).toBe(a.outside);
    a.process.stdin?.end();
  });

  test('where routers do not hairpin, nothing comes back', async () => {
    const a = await talk('behind-carrier-easy', 5500);
    expect(await send(a, a)).toBe('nothing');
    a.process.stdin?.end();
  });
});
