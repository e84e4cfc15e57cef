/** Each NAT profile is what it says, as our own probe sees it. (coturn's word: interop/.) */
import { once } from 'node:events';
import { NAT_PROFILES } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { NatReport } from './nat-probe.js';

const portOf = (endpoint: string): number => Number(endpoint.split(':')[1]);

const skips = await skipsLab();

describe.skipIf(skips)('NAT profiles', () => {
  let world: World;
  const [server] = natZoo.hosts;
  const addresses = server?.addresses ?? [];

  beforeAll(async () => {
    world = await startWorld(natZoo);
    const echo = world.exec('server', scriptArgv('probe/echo-server', ...addresses));
    await once(echo.stdout as NodeJS.EventEmitter, 'data');
  });

  afterAll(async () => {
    await world.close();
  });

  /** The addresses outside of a machine's network, or its own. */
  function poolOf(machine: string): readonly string[] {
    const network = natZoo.networks.find(({ name }) => machine === `behind-${name}`);
    return network?.addresses ?? [world.publicAddressOf(machine)];
  }

  async function probe(machine: string, port: number): Promise<NatReport> {
    const argv = scriptArgv(
      'probe/nat-probe',
      world.addressOf(machine),
      String(port),
      ...addresses,
    );
    const { stdout, stderr } = await world.run(machine, argv);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as NatReport;
  }

  const truths = [
    ['in-the-open', { mapping: 'none', filtering: 'EIF', portPreserving: true }],
    ['behind-easy', { mapping: 'EIM', filtering: 'APDF', portPreserving: true }],
    ['behind-hard', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-full-cone', { mapping: 'EIM', filtering: 'EIF', portPreserving: true }],
    ['behind-restricted-cone', { mapping: 'EIM', filtering: 'ADF', portPreserving: true }],
    ['behind-easy-range', { mapping: 'EIM', filtering: 'APDF', portPreserving: false }],
    ['behind-hard-range', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-hard-pool', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-port-block', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-port-parity', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-cone-other-ports', { mapping: 'EIM', filtering: 'EIF', portPreserving: false }],
    ['behind-sequential', { mapping: 'APDM', filtering: 'APDF', portPreserving: false }],
    ['behind-address-dependent', { mapping: 'ADM', filtering: 'APDF', portPreserving: false }],
    ['behind-address-dependent-loose', { mapping: 'ADM', filtering: 'ADF', portPreserving: false }],
    ['behind-one-to-one', { mapping: 'EIM', filtering: 'EIF', portPreserving: true }],
    ['behind-one-to-one-firewalled', { mapping: 'EIM', filtering: 'APDF', portPreserving: true }],
    ['behind-firewall', { mapping: 'none', filtering: 'APDF', portPreserving: true }],
  ] as const;

  test.each(truths)('%s', async (machine, truth) => {
    const report = await probe(machine, 5000);
    expect(report).toMatchObject(truth);
    for (const seen of report.seen) {
      expect(poolOf(machine)).toContain(seen.split(':')[0]);
    }
  });

  test('every profile is probed here, or has no UDP to probe', () => {
    const probed = truths.map(([machine]) => machine.replace('behind-', ''));
    expect([...probed, 'udp-blocked']).toEqual(expect.arrayContaining([...NAT_PROFILES]));
  });

  test('a sequential NAT gives each mapping the next port', async () => {
    const ports = (await probe('behind-sequential', 5200)).seen.map(portOf);
    const [first = 0] = ports;
    expect(ports).toEqual([first, first + 1, first + 2, first + 3]);
  });

  test('NATs with a range stay in it', async () => {
    for (const machine of ['behind-easy-range', 'behind-hard-range']) {
      for (const port of (await probe(machine, 5300)).seen.map(portOf)) {
        expect(port).toBeGreaterThanOrEqual(40_000);
        expect(port).toBeLessThanOrEqual(40_063);
      }
    }
  });

  test('a block of 512 ports is used from end to end', async () => {
    const ports: number[] = [];
    for (let port = 5400; port < 5410; port++) {
      ports.push(...(await probe('behind-port-block', port)).seen.map(portOf));
    }
    expect(new Set(ports.map((port) => Math.floor(port / 512))).size).toBe(1);
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(300);
  });

  test('a NAT of port parity gives even ports to even ones, from far apart', async () => {
    const ports: number[] = [];
    for (let port = 5500; port < 5504; port++) {
      for (const seen of (await probe('behind-port-parity', port)).seen.map(portOf)) {
        expect(seen % 2).toBe(port % 2);
        ports.push(seen);
      }
    }
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(10_000);
  });

  test('a pool gives a new flow any of its addresses', async () => {
    const addresses = new Set<string>();
    for (let port = 5600; port < 5610; port++) {
      const { seen } = await probe('behind-hard-pool', port);
      for (const endpoint of seen) addresses.add(endpoint.split(':')[0] ?? '');
    }
    expect([...addresses].sort()).toEqual([...poolOf('behind-hard-pool')].sort());
  });

  test('where UDP is blocked no UDP is answered, and TCP passes', async () => {
    const own = world.addressOf('behind-udp-blocked');
    const argv = scriptArgv('probe/nat-probe', own, '5000', ...addresses);
    const blocked = await world.run('behind-udp-blocked', argv);
    expect(blocked.code).not.toBe(0);
    expect(blocked.stderr).toContain('no answer');
    const receiver = world.exec(
      'server',
      scriptArgv('traffic/transfer-agent', 'receive', `${addresses[0]}:7000`),
    );
    await once(receiver.stdout as NodeJS.EventEmitter, 'data');
    const sent = await world.run(
      'behind-udp-blocked',
      scriptArgv('traffic/transfer-agent', 'send', `${addresses[0]}:7000`, '1000'),
    );
    expect(JSON.parse(sent.stdout)).toMatchObject({ intact: true });
  });

  test('a hard NAT chooses ports from far apart, never the same for two destinations', async () => {
    const ports = new Set<number>();
    for (let port = 5100; port < 5108; port += 2) {
      for (const seen of (await probe('behind-hard', port)).seen) ports.add(portOf(seen));
    }
    expect(ports.size).toBe(16);
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(10_000);
  });
});
