/**
 * Logins without auth keys on a Warren hub: a stock client and a Warren node are let in by a person, in a browser
 * or on the hub, take new node keys, expire, are renamed and tagged, log out.
 */
import type { PeerStatus } from '@warren/node/local-api/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import type { RunResult } from '../world/world.js';
import { approveInBrowser } from './approval-browser.js';
import { skipsGoPeers } from './go-peers.js';
import { StockClient } from './stock-client.js';
import { hubCertificate } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const UP_SECONDS = 60;

describe.skipIf(skips)('logins that a person approves', () => {
  let network: OneHubNetwork;
  let left: StockClient;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['right']);
    left = await StockClient.start(network.world, 'left', hubCertificate(network));
  });

  afterAll(async () => {
    await network?.close();
  });

  const hub = (...args: readonly string[]): Promise<string> =>
    network.cli.run('hub', ['control', ...args]);

  async function code(user: string): Promise<string> {
    return (await hub('logins', 'code', '--user', user)).trim();
  }

  /** `tailscale up` without a key, under way. */
  function stockUp(...flags: readonly string[]): Promise<RunResult> {
    return left.attempt(
      ...['up', `--login-server=${network.url}`, '--hostname=left'],
      ...[`--timeout=${UP_SECONDS}s`, ...flags],
    );
  }

  /** The address that the stock client shows, other than `before`. */
  function stockAddress(before?: string): Promise<string> {
    return until(network.world, 'left', 'an address to open', async () => {
      const { AuthURL } = await left.status();
      if (AuthURL === '' || AuthURL === before) throw new Error(`AuthURL is ${AuthURL}`);
      return AuthURL;
    });
  }

  function rightSees(what: string, holds: (left: PeerStatus) => boolean): Promise<unknown> {
    return network.statusUntil('right', what, ({ peers }) =>
      peers.some((peer) => peer.hostName === 'left' && holds(peer)),
    );
  }

  const listed = async (hostName: string) =>
    (await network.nodes()).find((node) => node.hostName === hostName);

  test('a stock client, in a browser: the page shows it, and it is in as the user of the code', async () => {
    const up = stockUp();
    const url = await stockAddress();
    expect(url).toMatch(new RegExp(`^${network.url}/register/[a-z0-9]{26}$`));
    const visited = await approveInBrowser(network.world, 'left', url, await code('ann'));
    expect(visited.form).toContain('<dd>left</dd>');
    expect(visited).toMatchObject({ status: 200 });
    expect(await up).toMatchObject({ code: 0 });
    expect((await left.status()).BackendState).toBe('Running');
    expect(await listed('left')).toMatchObject({ user: 'ann@warren.internal', online: true });
    await rightSees('left online', ({ online }) => online === true);
    expect((await network.cli.attempt('right', ['ping', '-c', '30', 'left'])).code).toBe(0);
    network.addresses.set('left', await left.run('ip', '-4'));
  });

  test('it takes a new node key: the same machine to everybody', async () => {
    const before = (await left.status()).Self;
    const up = stockUp('--force-reauth');
    const url = await stockAddress();
    // Until somebody says yes the old key serves.
    expect((await listed('left'))?.nodeKey).toBe(before.PublicKey);
    await hub('logins', 'approve', url, '--user', 'ann');
    expect(await up).toMatchObject({ code: 0 });
    const after = (await left.status()).Self;
    expect(after.PublicKey).not.toBe(before.PublicKey);
    expect(after.TailscaleIPs).toEqual(before.TailscaleIPs);
    expect(await listed('left')).toMatchObject({ nodeKey: after.PublicKey });
    await rightSees('the new key', ({ nodeKey }) => nodeKey === after.PublicKey);
    expect((await network.cli.attempt('right', ['ping', '-c', '30', 'left'])).code).toBe(0);
  });

  test('renamed and tagged by the operator, it knows, and so do its peers', async () => {
    await hub('nodes', 'rename', 'left', 'printer');
    await hub('nodes', 'tag', 'printer', 'tag:office', 'tag:print');
    await until(network.world, 'left', 'its name and tags', async () => {
      const { Self } = await left.status();
      expect(Self).toMatchObject({
        DNSName: 'printer.warren.internal.',
        Tags: ['tag:office', 'tag:print'],
      });
    });
    await rightSees('the name', ({ name }) => name === 'printer.warren.internal');
    await hub('nodes', 'tag', 'printer', '--user', 'ann');
    await hub('nodes', 'rename', 'printer', '--host-name');
    await until(network.world, 'left', 'its own again', async () => {
      const { Self } = await left.status();
      expect(Self.DNSName).toBe('left.warren.internal.');
      expect(Self.Tags ?? []).toEqual([]);
    });
  });

  test('expired, it is out and offline; a person lets the same machine in again', async () => {
    await hub('nodes', 'expire', 'left');
    await until(network.world, 'left', 'NeedsLogin', async () => {
      expect((await left.status()).BackendState).toBe('NeedsLogin');
    });
    await rightSees('left offline', ({ online }) => online !== true);
    const up = stockUp('--force-reauth');
    const url = await stockAddress();
    await approveInBrowser(network.world, 'left', url, await code('ann'));
    expect(await up).toMatchObject({ code: 0 });
    expect(await left.run('ip', '-4')).toBe(network.addressOf('left'));
    await rightSees('left online', ({ online }) => online === true);
  });

  test('turned away, it is told so', async () => {
    await left.run('logout');
    expect(await listed('left')).toMatchObject({ expired: true });
    const up = stockUp();
    const url = await stockAddress();
    await hub('logins', 'reject', url);
    await until(network.world, 'left', 'the refusal', async () => {
      expect((await left.status()).Health?.join(' ') ?? '').toMatch(/rejected/);
    });
    expect(await listed('left')).toMatchObject({ expired: true });
    expect(JSON.parse(await hub('logins', 'list', '--json'))).toEqual([]);
    await up;
  });

  test('a Warren node: its address is pinned, the hub approves; a new key on the page, then a logout', async () => {
    await network.startDaemon('hard');
    const { pins } = await network.hubInfo();
    const up = network.cli.attempt('hard', [
      ...['up', '--login-server', `${network.url}#${pins}`],
      ...['--hostname', 'hard', '--timeout', `${UP_SECONDS}s`],
    ]);
    const waiting = await network.statusUntil(
      'hard',
      'an address',
      ({ authUrl }) => authUrl !== null,
    );
    expect(waiting.state).toBe('NeedsLogin');
    await hub('logins', 'approve', waiting.authUrl ?? '', '--user', 'bob');
    const said = await up;
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Success\. hard/) as string,
    });
    expect(await listed('hard')).toMatchObject({ user: 'bob@warren.internal' });
    const before = (await network.status('hard')).self;

    const again = network.cli.attempt('hard', [
      'up',
      '--force-reauth',
      '--timeout',
      `${UP_SECONDS}s`,
    ]);
    const running = await network.statusUntil(
      'hard',
      'an address',
      ({ authUrl }) => authUrl !== null,
    );
    expect(running).toMatchObject({ state: 'Running', self: { nodeKey: before?.nodeKey } });
    const visited = await approveInBrowser(
      network.world,
      'hard',
      running.authUrl ?? '',
      await code('bob'),
    );
    expect(visited).toMatchObject({ status: 200 });
    const rotated = await again;
    expect(rotated.code, rotated.stderr).toBe(0);
    // What it showed is what the page showed.
    const fingerprint = /key begins with ([0-9a-f ]{29})/.exec(rotated.stderr)?.[1] ?? 'none';
    expect(visited.form).toContain(`<dd>${fingerprint}</dd>`);
    const { self } = await network.status('hard');
    expect(self?.addresses).toEqual(before?.addresses);
    expect(self?.nodeKey).not.toBe(before?.nodeKey);
    expect((await network.cli.attempt('right', ['ping', '-c', '4', 'hard'])).stdout).toContain(
      'pong',
    );

    await network.cli.run('hard', ['logout']);
    expect(await listed('hard')).toMatchObject({ expired: true });
  });
});
