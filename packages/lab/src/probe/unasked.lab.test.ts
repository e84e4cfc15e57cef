/** What routers do about datagrams that nobody asked for: an ICMP error, or a ban. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { BANS_AFTER, routerZoo } from '../topology/router-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const skips = await skipsLab();

/** Where no router of the zoo has anything. */
const CLOSED = 6_000;

/** Sends three datagrams a second apart from a connected socket, and says what it hears. */
const knock = (address: string): string => `
const socket = require('node:dgram').createSocket('udp4');
socket.on('error', ({ code }) => { console.log(code); process.exit(); });
socket.bind(7200, () => socket.connect(${CLOSED}, '${address}', () => {
  for (const ms of [0, 300, 600]) setTimeout(() => socket.send('x'), ms);
  setTimeout(() => { console.log('nothing'); process.exit(); }, 900);
}));`;

describe.skipIf(skips)('datagrams that nobody asked for', () => {
  let world: World;
  const [first, second] = routerZoo.hosts[0]?.addresses ?? [];

  beforeAll(async () => {
    world = await startWorld(routerZoo);
  });

  afterAll(async () => {
    await world.close();
  });

  async function knockAt(router: string, from: string): Promise<string> {
    const address = world.publicAddressOf(`behind-${router}`);
    const { stdout } = await world.run(from, [process.execPath, '-e', knock(address)]);
    return stdout.trim();
  }

  test('are rejected, which the sender behind its own NATs hears too, and these keep the flow', async () => {
    expect(await knockAt('quiet', 'server')).toBe('nothing');
    expect(await knockAt('rejecting', 'server')).toBe('ECONNREFUSED');
    expect(await knockAt('rejecting', 'behind-carrier-easy')).toBe('ECONNREFUSED');
    const flows = await world.run('cgn-carrier-easy', ['conntrack', '-L', '-p', 'udp']);
    const rejecting = world.publicAddressOf('behind-rejecting').replaceAll('.', '\\.');
    expect(flows.stdout).toMatch(new RegExp(`dst=${rejecting} sport=7200 dport=${CLOSED}`));
  });

  test('have their sender banned when they are too many, and him alone', async () => {
    const hears = async (address: string | undefined): Promise<boolean> => {
      const argv = ['ping', '-c1', '-W1', String(address)];
      return (await world.run('behind-banning', argv)).code === 0;
    };
    const target = `${world.publicAddressOf('behind-banning')}:${CLOSED}`;
    const send = async (count: number): Promise<void> => {
      const limits = Array.from({ length: count }, () => '-');
      await world.run('server', scriptArgv('probe/hop-sender', target, '7300', ...limits));
      await sleep(100);
    };
    await send(BANS_AFTER - 1);
    expect([await hears(first), await hears(second)]).toEqual([true, true]);
    await send(BANS_AFTER);
    expect([await hears(first), await hears(second)]).toEqual([false, true]);
    const argv = ['nft', 'list', 'set', 'ip', 'ban', 'banned'];
    expect((await world.run('router-banning', argv)).stdout).toMatch(
      /3\.210\.5\.10 .*expires 5\ds/,
    );
  });
});
