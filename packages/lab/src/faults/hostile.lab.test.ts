/**
 * Strangers who send nonsense, much of it: to a node's UDP port, to the STUN port, and to the hub's TLS port at
 * every stage of its protocols. Nobody dies, memory stays within its bound, counters say what came. A node's UDP port
 * is flooded on both data planes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOG_FILE } from '../mesh/places.js';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork } from './one-hub-network.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = await skipsLab();

const NODE_PORT = 41_641;
const STUN_PORT = 3478;
/** About 6,000 datagrams a second. */
const FLOOD_SECONDS = 3;
/** Times eleven connections. */
const ROUNDS = 20;
/**
 * What a second flood like the first may add to a process. Its tables are full and its buffers made by then, so
 * this is what the collector leaves lying about; a leak of 2 KB a datagram would be more.
 */
const GROWTH_BYTES = 32 * 1024 * 1024;
/** What the first may add: socket buffers, tables, code that is compiled. */
const FIRST_GROWTH_BYTES = 128 * 1024 * 1024;
const HEAL_MS = 5_000;

describe.skipIf(skips)('hostile traffic', () => {
  let network: OneHubNetwork;
  let ping: TunnelPing;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['open', 'left']);
    ping = new TunnelPing(network.world, 'left', network.addressOf('open'));
    await ping.steady(HEAL_MS * 3);
  });

  afterAll(async () => {
    await network.close();
  });

  /** Runs the hostile sender, on the stranger unless somebody else is named. */
  async function send(
    args: readonly (string | number)[],
    place = 'stranger',
  ): Promise<Readonly<Record<string, unknown>>> {
    const argv = scriptArgv('faults/hostile-sender', ...args.map(String));
    const { code, stdout, stderr } = await network.world.run(place, argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  }

  /** Attacks twice and holds `place` to its bounds. */
  async function attack(place: string, ...args: readonly (string | number)[]): Promise<void> {
    const before = await network.residentBytes(place);
    const counted = await send(args);
    const first = await network.residentBytes(place);
    await send(args);
    const second = await network.residentBytes(place);
    const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
    process.stdout.write(
      `  ${place}: ${JSON.stringify(counted)} twice, resident ${[before, first, second].map(megabytes).join(', ')}\n`,
    );
    expect(first - before).toBeLessThan(FIRST_GROWTH_BYTES);
    expect(second - first).toBeLessThan(GROWTH_BYTES);
  }

  const sum = (counters: Readonly<Record<string, number>>): number =>
    Object.values(counters).reduce((total, count) => total + count, 0);

  async function floodNodePort(): Promise<void> {
    const address = network.world.addressOf('open');
    const sinceMs = Date.now();
    await attack('open', 'udp', address, NODE_PORT, FLOOD_SECONDS);
    const healedMs = await ping.steady(HEAL_MS);
    const { counters, state } = await network.status('open');
    process.stdout.write(
      `  pings lost in the flood: ${ping.lostSince(sinceMs)}; ${JSON.stringify(counters)}\n`,
    );
    expect(state).toBe('Running');
    expect(healedMs).toBeLessThan(HEAL_MS);
    for (const reason of [
      'udp-noise',
      'disco-unknown-sender',
      'initiation-bad-mac1',
      'response-unexpected',
      'transport-unknown-index',
      'cookie-reply-unexpected',
      'udp-not-wireguard-flood',
    ]) {
      expect(counters).toHaveProperty(reason);
    }
    expect(sum(counters)).toBeGreaterThan(5000);
  }

  test('datagrams at a node’s port', floodNodePort);

  test('datagrams at the STUN port', async () => {
    const address = network.world.addressOf('hub');
    const before = (await network.hubNumbers()).stun;
    await attack('hub', 'udp', address, STUN_PORT, FLOOD_SECONDS);
    const { stun } = await network.hubNumbers();
    process.stdout.write(`  ${JSON.stringify(stun)}\n`);
    const dropped = (counters: Readonly<Record<string, number>>): number =>
      sum(counters) - (counters['requests'] ?? 0) - (counters['answered'] ?? 0);
    expect(dropped(stun) - dropped(before)).toBeGreaterThan(5000);
    expect(stun['drop-rate']).toBeGreaterThan(0);
    // Who asks properly, from elsewhere, is answered as before.
    const { mapped } = await send(['stun', address, STUN_PORT], 'left');
    expect(mapped).toMatch(new RegExp(`^${network.world.publicAddressOf('left')}:`));
    await ping.steady(HEAL_MS);
  });

  test('nonsense at the hub’s TLS port, before and after each upgrade', async () => {
    const sinceMs = Date.now();
    const before = await network.openFiles('hub');
    await attack('hub', 'tls', network.world.addressOf('hub'), ROUNDS);
    // No connection stays, whatever stage it was in: not even those that never said goodbye.
    await expect.poll(() => network.openFiles('hub'), { timeout: 10_000 }).toBe(before);
    const numbers = await network.hubNumbers();
    process.stdout.write(
      `  ${JSON.stringify([numbers.front, numbers.counters, numbers.control.counters])}\n`,
    );
    for (const reason of [
      'tls-failed',
      'http-malformed',
      'http-too-long',
      'http-not-found',
      'upgrade-not-found',
    ]) {
      expect(numbers.front).toHaveProperty(reason);
    }
    expect(numbers.counters).toHaveProperty('closed-frame-too-long');
    expect(numbers.control.counters).toMatchObject({
      'ts2021-bad-request': 2 * ROUNDS,
      'ts2021-initiation-bad-type': expect.any(Number),
    });
    expect(numbers.control).toMatchObject({ connections: 2, mapStreams: 2 });
    expect(ping.lostSince(sinceMs)).toBeLessThan(5);
    const { key } = await network.createKey();
    await network.startDaemon('right');
    await network.cli.run('right', ['up', '--login-server', network.url, '--auth-key', key]);
    expect((await network.status('right')).state).toBe('Running');
  });

  test('datagrams at a node’s port, taken by node:dgram', async () => {
    await network.killDaemon('open');
    const sinceMs = Date.now();
    await network.startDaemon('open', [], { WARREN_DATA_PLANE: 'portable' });
    await ping.steady(HEAL_MS * 3, sinceMs);
    expect(await network.sh('open', `grep -c 'portable: TUN' ${LOG_FILE}`)).not.toBe('0');
    await floodNodePort();
  });
});
