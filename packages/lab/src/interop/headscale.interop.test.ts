/**
 * Warren nodes on a headscale with its embedded relay, which admits headscale's nodes only: they join, see each
 * other and a stock client, are relayed where no direct path exists, and survive a restart of theirs and of headscale's.
 */

import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { PeerStatus, StatusReport } from '@warren/node/local-api/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { report } from '../faults/report.js';
import { TunnelPing } from '../faults/tunnel-ping.js';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon, statusOf, waitForPeers } from '../mesh/machines.js';
import { until } from '../mesh/places.js';
import { twoClouds } from '../topology/two-clouds.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { skipsGoPeers } from './go-peers.js';
import { HEADSCALE_REGION, Headscale, type HeadscaleNode } from './headscale.js';
import { receive, send, sendThroughSocks } from './overlay-traffic.js';
import { StockClient } from './stock-client.js';

const skips = await skipsGoPeers('headscale', 'tailscaled', 'tailscale');

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const WARREN = ['right', 'hard', 'harder'];
const STOCK = 'left';
const TRUST_FILE = '/run/trusted.pem';
/** How Node.js is told to trust one certificate more. */
const TRUST = { NODE_EXTRA_CA_CERTS: TRUST_FILE };
const BYTES = 2_000_000;
/**
 * Until a pair's pings come back one after the other. Ours has just been restarted: the stock client erases its keys
 * when headscale tells it of the new process, after the first handshake, and WireGuard alone finds that after 15 s.
 */
const SETTLE_MS = 8_000;
/** As long as headscale is away, and until our node must have found it again. */
const AWAY_MS = 20_000;
const BACK_MS = 30_000;
/** Of ten pings a second, on a busy computer. */
const LOST_AT_MOST = 5;

describe.skipIf(skips)('Warren nodes on headscale', () => {
  let world: World;
  let cli: CommandLine;
  let headscale: Headscale;
  let stock: StockClient;
  const daemons = new Map<string, WorldProcess>();
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    world = await startWorld(twoClouds);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    headscale = await Headscale.start(world, 'hub');
    const key = await headscale.createKey();
    const login = ['--login-server', headscale.url, '--auth-key', key];
    for (const machine of WARREN) {
      writeFileSync(world.path(machine, TRUST_FILE), headscale.certificatePem);
      daemons.set(machine, await startDaemon(world, cli, machine, [], TRUST));
      addresses.set(machine, await joinMachine(world, cli, machine, login));
    }
    stock = await StockClient.start(world, STOCK, headscale.certificatePem);
    await stock.up(headscale.url, key);
    addresses.set(STOCK, await stock.run('ip', '-4'));
    await waitForPeers(world, WARREN);
    for (const machine of WARREN) await receive(world, machine, '0.0.0.0');
    await receive(world, STOCK, '127.0.0.1');
  });

  afterAll(async () => {
    await world?.close();
  });

  function statusUntil(
    machine: string,
    what: string,
    holds: (status: StatusReport) => boolean,
  ): Promise<StatusReport> {
    return until(world, machine, what, async () => {
      const status = await statusOf(world, machine);
      if (!holds(status)) throw new Error(JSON.stringify(status));
      return status;
    });
  }

  function addressOf(machine: string): string {
    const address = addresses.get(machine);
    if (address === undefined) throw new Error(`${machine} has not joined`);
    return address;
  }

  async function listed(name: string): Promise<HeadscaleNode | undefined> {
    return (await headscale.nodes()).find(({ given_name }) => given_name === name);
  }

  test('headscale lists them online, with the addresses that they have', async () => {
    for (const machine of WARREN) {
      const { self, state } = await statusOf(world, machine);
      expect(state).toBe('Running');
      expect(self).toMatchObject({
        name: `${machine}.hs.internal`,
        relay: HEADSCALE_REGION.code,
      });
      const node = await listed(machine);
      expect(node?.online).toBe(true);
      expect(node?.ip_addresses).toEqual(self?.addresses);
    }
  });

  test('they see each other and the stock client, online', async () => {
    const isReady = ({ online, relay }: PeerStatus): boolean =>
      online === true && relay === HEADSCALE_REGION.code;
    const { peers, health } = await statusUntil(
      'right',
      'all peers',
      (status) => status.peers.filter(isReady).length === WARREN.length,
    );
    expect(peers.map(({ name }) => name).sort()).toEqual(
      ['hard.hs.internal', 'harder.hs.internal', 'left.hs.internal'].sort(),
    );
    expect(health).toEqual([]);
  });

  test.each([
    ['right', 'hard', 1],
    ['hard', 'harder', 1],
    ['right', 'left', 0],
  ] as const)('%s pings %s', async (from, to, code) => {
    const ping = await cli.attempt(from, ['ping', to, '-c', '4', '--json']);
    expect(ping.code, ping.stdout).toBe(code);
    if (code === 1) expect(ping.stdout).toContain(`"region":"${HEADSCALE_REGION.code}"`);
  });

  test('the stock client pings a Warren node, directly', async () => {
    const pongs = await stock.ping(addressOf('right'));
    expect(pongs.at(-1)).toEqual({
      via: expect.stringContaining(`${world.publicAddressOf('right')}:`) as string,
      isDirect: true,
    });
  });

  test('2 MB through its relay, both behind hard NATs', async () => {
    const sent = await send(world, 'hard', addressOf('harder'), BYTES);
    expect(sent).toMatchObject({ bytes: BYTES, intact: true });
    const { peers } = await statusOf(world, 'hard');
    expect(peers.find(({ hostName }) => hostName === 'harder')?.path).toBe('relay');
  });

  test('2 MB each way with the stock client', async () => {
    const [inbound, outbound] = [
      await send(world, 'right', addressOf(STOCK), BYTES),
      await sendThroughSocks(world, STOCK, 'right.hs.internal', BYTES),
    ];
    expect([inbound.intact, outbound.intact]).toEqual([true, true]);
  });

  test('a restarted daemon is the same machine, without a key', async () => {
    const before = (await statusOf(world, 'right')).self;
    daemons.get('right')?.kill('SIGKILL');
    await daemons.get('right')?.exited;
    await startDaemon(world, cli, 'right', [], TRUST);
    const { self } = await statusUntil('right', 'Running', ({ state }) => state === 'Running');
    expect(self).toMatchObject({ nodeKey: before?.nodeKey, addresses: before?.addresses });
    expect(await headscale.nodes()).toHaveLength(WARREN.length + 1);
  });

  test('headscale is away for 20 s: the direct pair talks on, and control is back by itself', async () => {
    const ping = new TunnelPing(world, 'right', addressOf(STOCK));
    await ping.steady(SETTLE_MS);
    const stoppedAt = Date.now();
    await headscale.stop();
    await statusUntil('right', 'control missed', ({ state, health }) => {
      return state === 'Running' && health.some((sentence) => sentence.includes('control server'));
    });
    await sleep(Math.max(0, AWAY_MS - (Date.now() - stoppedAt)));
    const sent = await send(world, 'right', addressOf(STOCK), BYTES);
    const [lost, gapMs] = [ping.lostSince(stoppedAt), ping.longestGapMs(stoppedAt)];
    ping.stop();
    const mapsIn = ({ counters }: StatusReport): number => counters['control-map-full'] ?? 0;
    const maps = mapsIn(await statusOf(world, 'right'));
    const startedAt = Date.now();
    await headscale.startAgain();
    await statusUntil('right', 'a new network map', (status) => mapsIn(status) > maps);
    const backMs = Date.now() - startedAt;
    await statusUntil('right', 'all well', ({ health }) => health.length === 0);
    await until(world, 'right', 'online at headscale', async () => {
      expect((await listed('right'))?.online).toBe(true);
    });
    report('headscale away for 20 s', {
      'lost pings': lost,
      'longest gap ms': gapMs,
      'control back after ms': backMs,
    });
    expect(sent).toMatchObject({ bytes: BYTES, intact: true });
    expect(lost).toBeLessThanOrEqual(LOST_AT_MOST);
    expect(backMs).toBeLessThan(BACK_MS);
  });
});
