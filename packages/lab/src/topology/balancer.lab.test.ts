/** A UDP load balancer beside a hard NAT: the machine behind it is reached, and answers, at its address. */
import { once } from 'node:events';
import { sevenMachines } from '@warren/sim/topology/seven-machines';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const skips = await skipsLab();

const balanced = 'hardnat-west-lb';
const balancer = '35.80.4.21:41641';
const port = 41_641;

describe.skipIf(skips)('a machine behind a balancer', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld(sevenMachines);
  });

  afterAll(async () => {
    await world.close();
  });

  async function serve(machine: string, at: number): Promise<WorldProcess> {
    const argv = scriptArgv('interop/stun-host', 'serve', world.addressOf(machine), String(at));
    const server = world.exec(machine, argv, { stdin: 'pipe', stderr: { file: '/run/stun.log' } });
    await once(server.stdout as NodeJS.EventEmitter, 'data');
    return server;
  }

  /** How each server sees us, asked from one local port. */
  async function ask(machine: string, from: number, ...servers: string[]): Promise<string[]> {
    const argv = scriptArgv('interop/stun-host', 'ask', String(from), ...servers);
    const { stdout, stderr } = await world.run(machine, argv);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as string[];
  }

  async function end(server: WorldProcess): Promise<void> {
    server.kill('SIGKILL');
    await server.exited;
  }

  test('is reached there by whom it has never sent to, who keeps his address and port', async () => {
    const server = await serve(balanced, port);
    const open = world.addressOf('nonat-west');
    expect(await ask('nonat-west', 9990, balancer)).toEqual([`${open}:9990`]);
    // A hard NAT lets in nothing but an answer from exactly where the question went.
    const [hard] = await ask('hardnat-east', 9991, balancer);
    expect(hard?.startsWith(`${world.publicAddressOf('hardnat-east')}:`)).toBe(true);
    await end(server);
  });

  test('is reached by whom it has sent to before: the two flows do not mix', async () => {
    const open = world.addressOf('nonat-west');
    const there = await serve('nonat-west', 9998);
    const [own] = await ask(balanced, port, `${open}:9998`);
    expect(own?.startsWith(`${world.publicAddressOf(balanced)}:`)).toBe(true);
    expect(own).not.toBe(`${world.publicAddressOf(balanced)}:${port}`);
    await end(there);
    const server = await serve(balanced, port);
    expect(await ask('nonat-west', 9998, balancer)).toEqual([`${open}:9998`]);
    await end(server);
  });

  test('leaves through the hard NAT: a port for each destination, none of them the balancer’s', async () => {
    const servers = [await serve('nonat-west', 9995), await serve('nonat-east', 9995)];
    const seen = await ask(
      balanced,
      port,
      `${world.addressOf('nonat-west')}:9995`,
      `${world.addressOf('nonat-east')}:9995`,
    );
    expect(new Set(seen).size).toBe(2);
    for (const endpoint of seen) {
      expect(endpoint.startsWith(`${world.publicAddressOf(balanced)}:`)).toBe(true);
    }
    for (const server of servers) await end(server);
  });

  test('serves its one UDP port only', async () => {
    const server = await serve(balanced, 41_642);
    expect(await ask('nonat-west', 9989, '35.80.4.21:41642')).toEqual(['silence']);
    await end(server);
  });
});
