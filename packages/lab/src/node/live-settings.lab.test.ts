/** A machine behind a load balancer whose endpoint is told while it runs, and which the balancer checks over TCP. */
import { fileURLToPath } from 'node:url';
import { sevenMachines } from '@warren/sim/topology/seven-machines';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon, statusOf, waitForPeers } from '../mesh/machines.js';
import { until } from '../mesh/places.js';
import { createKey, hubUrl, startHub } from '../mesh/servers.js';
import { skipsLab } from '../testing/lab-ring.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const skips = await skipsLab();

const mainScript = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const balanced = 'hardnat-west-lb';
const far = 'hardnat-east';
const healthPort = '41642';

/** The demo's network; what the machine behind the balancer is told, it is told here. */
const untold: Topology = {
  ...sevenMachines,
  name: 'live-settings',
  machines: sevenMachines.machines.map(({ name, at }) => ({ name, at })),
};

describe.skipIf(skips)('settings of a daemon that runs', () => {
  let world: World;
  let cli: CommandLine;
  let daemon: WorldProcess;

  beforeAll(async () => {
    world = await startWorld(untold);
    cli = new CommandLine(world, [process.execPath, mainScript]);
    await startHub(world, cli, 'hub', { id: 901, code: 'east', name: 'East' });
    const { key } = await createKey(world, cli, 'hub', ['--reusable']);
    const join = ['--login-server', hubUrl(world, 'hub'), '--auth-key', key];
    daemon = await startDaemon(world, cli, balanced, ['--health-port', healthPort]);
    await startDaemon(world, cli, far);
    expect(await check()).toBe('503 NeedsLogin');
    for (const machine of [balanced, far]) await joinMachine(world, cli, machine, join);
    await waitForPeers(world, [balanced, far]);
  });

  afterAll(async () => {
    await world.close();
  });

  /** What the balancer hears, asking from its own side of the machine's network. */
  async function check(): Promise<string> {
    const ask = `fetch('http://10.0.3.10:${healthPort}/').then(async (r) => console.log(r.status, (await r.text()).trim()), () => console.log('nobody'))`;
    const { stdout } = await world.run('router-lb-west', [process.execPath, '-e', ask]);
    return stdout.trim();
  }

  const statics = async (): Promise<readonly string[]> => {
    const { self } = await statusOf(world, balanced);
    return (self?.endpoints ?? []).filter(({ type }) => type === 'static').map(({ addr }) => addr);
  };

  async function isToldToPeers(endpoint: string): Promise<boolean> {
    return (await cli.run('hub', ['control', 'nodes', 'list', '--json'])).includes(endpoint);
  }

  test('a static endpoint is told live, peers use it, and it is there after a kill', async () => {
    await cli.run(balanced, ['set', '--static-endpoint', '35.80.4.21:41641']);
    expect(await statics()).toEqual(['35.80.4.21:41641']);
    await until(world, balanced, 'peers being told', async () => {
      if (!(await isToldToPeers('35.80.4.21:41641'))) throw new Error('not yet');
    });
    const text = await cli.run(far, [
      ...['ping', balanced, '--json', '-c', '50', '--interval', '200ms'],
    ]);
    const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown;
    expect(last).toMatchObject({ path: 'direct', endpoint: '35.80.4.21:41641' });
    await world.run('world', ['kill', '-9', String(daemon.pid)]);
    await daemon.exited;
    expect(await check()).toBe('nobody');
    daemon = await startDaemon(world, cli, balanced, ['--health-port', healthPort]);
    await until(world, balanced, 'the endpoint after the restart', async () => {
      expect(await statics()).toEqual(['35.80.4.21:41641']);
    });
  });

  test('a name is looked up, and again when the network changes; one that fails is told', async () => {
    const name = (address: string): Promise<unknown> =>
      world.run(balanced, ['sh', '-c', 'cat > /etc/hosts'], { input: `${address} lb.example\n` });
    await name('35.80.4.21');
    const list = ['lb.example:41641', 'none.example:1', '[2001:db8::5]:41641'];
    await cli.run(balanced, ['set', ...list.map((text) => `--static-endpoint=${text}`)]);
    await until(world, balanced, 'the name', async () => {
      expect(await statics()).toEqual(['35.80.4.21:41641', '[2001:db8::5]:41641']);
    });
    await until(world, balanced, 'the sentence', async () => {
      const { health } = await statusOf(world, balanced);
      expect(health.join()).toContain('none.example');
    });
    await name('35.80.4.22');
    await world.run(balanced, [
      'sh',
      '-c',
      'ip addr add 10.0.3.99/24 dev $(ip -o route show default | sed "s/.* dev \\([^ ]*\\).*/\\1/")',
    ]);
    await until(world, balanced, 'the name elsewhere', async () => {
      expect(await statics()).toContain('35.80.4.22:41641');
    });
    await cli.run(balanced, ['set', '--static-endpoint=']);
    expect(await statics()).toEqual([]);
    const { health } = await statusOf(world, balanced);
    expect(health.join()).not.toContain('none.example');
  });

  test('the host name is another one at control', async () => {
    await cli.run(balanced, ['set', '--hostname', 'behind-lb']);
    await until(world, balanced, 'the name at control', async () => {
      if (!(await isToldToPeers('"behind-lb"'))) throw new Error('not yet');
    });
  });

  test('a balancer hears over TCP whether the node serves', async () => {
    await until(world, balanced, 'ok', async () => expect(await check()).toBe('200 ok'));
    await cli.run(balanced, ['down']);
    expect(await check()).toBe('503 Stopped');
    await cli.run(balanced, ['up']);
    expect(await check()).toBe('200 ok');
  });
});
