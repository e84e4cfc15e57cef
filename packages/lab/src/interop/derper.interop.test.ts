/**
 * Two Warren nodes behind hard NATs, and a stock client, whose only relay is an official derper: the hub
 * relays nothing itself. What crosses is counted by the derper, not by us.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { joinMachine, waitForPeers } from '../mesh/machines.js';
import { twoClouds } from '../topology/two-clouds.js';
import { derperCounters, startDerper } from './derper.js';
import { skipsGoPeers } from './go-peers.js';
import { receive, send } from './overlay-traffic.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('derper', 'tailscaled', 'tailscale');

const REGION = { id: 950, code: 'official', name: 'Official' };
/** Where the derper runs. */
const HOST = 'stranger';
const REGION_FILE = '/run/official.json';
const MACHINES = ['hard', 'harder'];
const BYTES = 2_000_000;

describe.skipIf(skips)('an official derper as the only relay', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start([], { topology: twoClouds });
    const { world, cli } = network;
    const region = await startDerper(world, HOST, REGION);
    await world.run('hub', ['sh', '-c', `cat > ${REGION_FILE}`], { input: region });
    await network.killHub();
    await network.startHub(['--no-relay', '--derp-region-file', REGION_FILE]);
    const { key } = await network.createKey('--reusable');
    const login = ['--login-server', network.url, '--auth-key', key];
    for (const machine of MACHINES) {
      await network.startDaemon(machine);
      network.addresses.set(machine, await joinMachine(world, cli, machine, login));
    }
    await waitForPeers(world, MACHINES);
    for (const machine of MACHINES) await receive(network.world, machine, '0.0.0.0');
  });

  afterAll(async () => {
    await network?.close();
  });

  test('is home to both, who measured it by its STUN', async () => {
    for (const machine of MACHINES) {
      const { self, health } = await network.status(machine);
      expect(self?.relay).toBe(REGION.code);
      expect(health).toEqual([]);
    }
    const counters = await derperCounters(network.world, HOST);
    expect(counters.clients).toBe(2);
    expect(counters.stunSuccesses).toBeGreaterThan(0);
  });

  test('carries our pings', async () => {
    const ping = await network.cli.attempt('hard', ['ping', 'harder', '-c', '3', '--json']);
    expect(ping.code, ping.stdout).toBe(1);
    expect(ping.stdout).toContain(`"region":"${REGION.code}"`);
  });

  test.each([
    ['hard', 'harder'],
    ['harder', 'hard'],
  ])('carries 2 MB from %s to %s unharmed', async (from, to) => {
    const before = await derperCounters(network.world, HOST);
    const sent = await send(network.world, from, network.addressOf(to), BYTES);
    expect(sent).toMatchObject({ bytes: BYTES, intact: true });
    const after = await derperCounters(network.world, HOST);
    expect(after.bytesReceived - before.bytesReceived).toBeGreaterThan(BYTES);
    expect(after.bytesSent - before.bytesSent).toBeGreaterThan(BYTES);
    expect(after.packetsSent - before.packetsSent).toBeGreaterThan(1000);
    expect((await network.status(from)).peers[0]).toMatchObject({ path: 'relay' });
  });

  test('connects a stock client and ours', async () => {
    await joinStock(network, ['left']);
    await network.statusUntil('hard', 'the stock client', ({ peers }) =>
      peers.some(({ hostName, relay }) => hostName === 'left' && relay === REGION.code),
    );
    await receive(network.world, 'left', '127.0.0.1');
    const before = await derperCounters(network.world, HOST);
    const sent = await send(network.world, 'hard', network.addressOf('left'), BYTES);
    expect(sent).toMatchObject({ bytes: BYTES, intact: true });
    const after = await derperCounters(network.world, HOST);
    expect(after.bytesSent - before.bytesSent).toBeGreaterThan(BYTES);
  });
});
