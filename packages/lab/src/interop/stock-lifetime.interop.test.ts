/**
 * What becomes of a stock client over time: daemons and the hub killed and started, names changed, machines
 * that log out or are forgotten. `left` and `open` are stock, `right` is Warren's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerStatus } from '@warren/node/local-api/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { report } from '../faults/report.js';
import { joinMachine } from '../mesh/machines.js';
import { until } from '../mesh/places.js';
import { skipsGoPeers } from './go-peers.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

/** The hub waits 10 s for a machine to come back before it calls it offline. */
const OFFLINE_MS = 30_000;
/** A stock client's pauses between two dials grow to 30 s. */
const BACK_MS = 60_000;
/** As long as a forgotten client is watched, and how often it may dial the relay (official pauses: up to 5 s). */
const WATCHED_MS = 10_000;
const DIALS_AT_MOST = 20;
/** A stock client that has just come back may take longer than ten pings to its direct path on a busy computer. */
const PATIENTLY = ['-c', '30'];

describe.skipIf(skips)('a stock client, over time', () => {
  let network: OneHubNetwork;
  let left: StockClient;
  let open: StockClient;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['right']);
    const clients = await joinStock(network, ['left', 'open']);
    left = clients.get('left') as StockClient;
    open = clients.get('open') as StockClient;
  });

  afterAll(async () => {
    await network?.close();
  });

  /** Until the Warren node sees a peer so; gives the time it took. */
  async function rightSees(
    what: string,
    holds: (peers: readonly PeerStatus[]) => boolean,
    timeoutMs?: number,
  ): Promise<number> {
    const startedAt = Date.now();
    await network.statusUntil('right', what, ({ peers }) => holds(peers), timeoutMs);
    return Date.now() - startedAt;
  }

  const isOnline = (hostName: string, wanted: boolean) => (peers: readonly PeerStatus[]) =>
    peers.some((peer) => peer.hostName === hostName && peer.online === wanted);

  /** Until a stock client sees a peer online or offline; gives the time it took. */
  async function stockSees(client: StockClient, peer: string, online: boolean): Promise<number> {
    const startedAt = Date.now();
    const attempt = async (): Promise<void> => {
      const seen = (await client.peers()).get(peer);
      if (seen?.Online !== online) throw new Error(`${peer} is ${JSON.stringify(seen)}`);
    };
    await until(network.world, client.machine, `${peer} online: ${online}`, attempt, BACK_MS);
    return Date.now() - startedAt;
  }

  function running(client: StockClient): Promise<Awaited<ReturnType<StockClient['status']>>> {
    return until(network.world, client.machine, 'Running', async () => {
      const status = await client.status();
      if (status.BackendState !== 'Running') throw new Error(status.BackendState);
      return status;
    });
  }

  test('killed, it goes offline; started again, it is the same machine', async () => {
    const before = (await left.status()).Self;
    await left.killDaemon();
    const offlineMs = await rightSees('left offline', isOnline('left', false), OFFLINE_MS);
    const startedAt = Date.now();
    await left.startDaemon();
    const after = (await running(left)).Self;
    const runningMs = Date.now() - startedAt;
    await rightSees('left online', isOnline('left', true));
    report('stock daemon killed and started', {
      'offline after ms': offlineMs,
      'running after ms': runningMs,
    });
    expect(after).toMatchObject({
      PublicKey: before.PublicKey,
      TailscaleIPs: before.TailscaleIPs,
      DNSName: before.DNSName,
    });
    const ping = await network.cli.attempt('right', ['ping', ...PATIENTLY, 'left']);
    expect(ping.code, ping.stdout).toBe(0);
  });

  test('sees a Warren node go and come back', async () => {
    await network.killDaemon('right');
    const offlineMs = await stockSees(left, 'right', false);
    await network.startDaemon('right');
    const onlineMs = await stockSees(left, 'right', true);
    report('our daemon, seen by a stock one', {
      'offline after ms': offlineMs,
      'online after ms': onlineMs,
    });
  });

  test('comes back to a hub that was killed, and hears of new machines', async () => {
    await network.killHub();
    await sleep(3000);
    expect((await left.status()).BackendState).toBe('Running');
    const startedAt = Date.now();
    await network.startHub();
    await until(
      network.world,
      'hub',
      'everybody',
      async () => {
        const away = (await network.nodes()).filter((node) => !node.online);
        if (away.length > 0) throw new Error(away.map(({ hostName }) => hostName).join(' '));
      },
      BACK_MS,
    );
    report('hub killed and started', { 'all online after ms': Date.now() - startedAt });
    const { key } = await network.createKey();
    await network.startDaemon('hard');
    const login = ['--login-server', network.url, '--auth-key', key];
    await joinMachine(network.world, network.cli, 'hard', login);
    await stockSees(left, 'hard', true);
    const { self } = await network.status('hard');
    const pongs = await left.ping(self?.addresses[0] ?? '');
    expect(pongs[0]?.via).toBe('DERP(town)');
  });

  test('takes another name, and everybody hears it', async () => {
    await left.run('set', '--hostname=renamed');
    await rightSees('the new name', (peers) =>
      peers.some(({ name }) => name === 'renamed.warren.internal'),
    );
    await until(network.world, 'left', 'its own name', async () => {
      expect((await left.status()).Self.DNSName).toBe('renamed.warren.internal.');
    });
    expect((await open.peers()).get('renamed')?.TailscaleIPs[0]).toBe(network.addressOf('left'));
    await left.run('set', '--hostname=left');
    await rightSees('the old name', (peers) => peers.some(({ hostName }) => hostName === 'left'));
  });

  test('logs out: nobody takes it for online any more; back with a key, it keeps its address', async () => {
    const before = (await left.status()).Self;
    await left.run('logout');
    await rightSees('left away', (peers) => !isOnline('left', true)(peers));
    expect((await left.status()).BackendState).toBe('NeedsLogin');
    expect((await network.nodes()).find(({ hostName }) => hostName === 'left')).toMatchObject({
      expired: true,
    });
    const { key } = await network.createKey();
    await left.up(network.url, key);
    const after = (await left.status()).Self;
    expect(after.TailscaleIPs).toEqual(before.TailscaleIPs);
    expect(after.PublicKey).not.toBe(before.PublicKey);
    await rightSees('left online', isOnline('left', true));
    const ping = await network.cli.attempt('right', ['ping', ...PATIENTLY, 'left']);
    expect(ping.code, ping.stdout).toBe(0);
  });

  test('its key is spent: named again after a restart, it is no hindrance and makes no new machine', async () => {
    await left.run('logout');
    const { key } = await network.createKey();
    await left.up(network.url, key);
    const [before, nodes] = [(await left.status()).Self, (await network.nodes()).length];
    await left.killDaemon();
    await left.startDaemon();
    const asked = async (): Promise<number> => (await left.log(10_000)).split('RegisterReq').length;
    const askedBefore = await asked();
    await left.up(network.url, key);
    const after = (await running(left)).Self;
    expect(await asked(), 'times that it registered').toBeGreaterThan(askedBefore);
    expect(after).toMatchObject({
      PublicKey: before.PublicKey,
      TailscaleIPs: before.TailscaleIPs,
      DNSName: before.DNSName,
    });
    await rightSees('left online', isOnline('left', true));
    expect(await network.nodes()).toHaveLength(nodes);
  });

  test('forgotten by the operator, it is nobody’s peer, and its dials don’t flood the relay', async () => {
    await network.cli.run('hub', ['control', 'nodes', 'delete', 'open']);
    await rightSees('open gone', (peers) => !peers.some(({ hostName }) => hostName === 'open'));
    await until(network.world, 'left', 'open gone', async () => {
      expect([...(await left.peers()).keys()]).not.toContain('open');
    });
    const refusals = async (): Promise<number> =>
      (await network.hubNumbers()).counters['closed-not-admitted'] ?? 0;
    const before = await refusals();
    await sleep(WATCHED_MS);
    const dials = (await refusals()) - before;
    report('forgotten stock client', { [`dials in ${WATCHED_MS / 1000} s`]: dials });
    expect(dials).toBeLessThanOrEqual(DIALS_AT_MOST);
    // A new key makes it a member again.
    const { key } = await network.createKey();
    await open.up(network.url, key, '--force-reauth');
    await rightSees('open online', isOnline('open', true));
  });
});
