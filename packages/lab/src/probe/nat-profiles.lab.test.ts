/** Each NAT profile is what it says, as our own probe sees it. (coturn's word: interop/.) */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { NatReport } from './nat-probe.js';

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
  ] as const;

  test.each(truths)('%s', async (machine, truth) => {
    const report = await probe(machine, 5000);
    expect(report).toMatchObject(truth);
    for (const seen of report.seen) {
      expect(seen.startsWith(`${world.publicAddressOf(machine)}:`)).toBe(true);
    }
  });

  test('a hard NAT chooses ports from far apart, never the same for two destinations', async () => {
    const ports = new Set<number>();
    for (let port = 5100; port < 5108; port += 2) {
      for (const seen of (await probe('behind-hard', port)).seen)
        ports.add(Number(seen.split(':')[1]));
    }
    expect(ports.size).toBe(16);
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(10_000);
  });
});
