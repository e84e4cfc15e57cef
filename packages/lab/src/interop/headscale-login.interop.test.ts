/**
 * A Warren node on headscale without an auth key: headscale's own command line lets it in, it takes a new node
 * key, is expired, renamed and logs out.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { StatusReport } from '@warren/node/local-api/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../mesh/command-line.js';
import { startDaemon, statusOf } from '../mesh/machines.js';
import { until } from '../mesh/places.js';
import { oneHub } from '../topology/one-hub.js';
import { startWorld } from '../world/start-world.js';
import type { RunResult, World } from '../world/world.js';
import { skipsGoPeers } from './go-peers.js';
import { Headscale } from './headscale.js';

const skips = await skipsGoPeers('headscale');

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const MACHINE = 'right';
const TRUST_FILE = '/run/trusted.pem';
const UP_TIMEOUT = ['--timeout', '60s'];
/** headscale knows the tags that somebody owns. */
const POLICY = {
  tagOwners: { 'tag:office': ['tester@'] },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
};

describe.skipIf(skips)('a Warren node that headscale lets in by hand', () => {
  let world: World;
  let cli: CommandLine;
  let headscale: Headscale;

  beforeAll(async () => {
    world = await startWorld(oneHub);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    headscale = await Headscale.start(world, 'hub', {}, POLICY);
    writeFileSync(world.path(MACHINE, TRUST_FILE), headscale.certificatePem);
    await startDaemon(world, cli, MACHINE, [], { NODE_EXTRA_CA_CERTS: TRUST_FILE });
  });

  afterAll(async () => {
    await world?.close();
  });

  function statusUntil(
    what: string,
    holds: (status: StatusReport) => boolean,
  ): Promise<StatusReport> {
    return until(world, MACHINE, what, async () => {
      const status = await statusOf(world, MACHINE);
      if (!holds(status)) throw new Error(JSON.stringify(status));
      return status;
    });
  }

  /** `warren up` with these flags, let in by headscale when it shows an address. */
  async function upByHand(...flags: readonly string[]): Promise<RunResult> {
    const up = cli.attempt(MACHINE, ['up', ...flags, ...UP_TIMEOUT], 90_000);
    const { authUrl } = await statusUntil('an address', (status) => status.authUrl !== null);
    expect(authUrl).toMatch(new RegExp(`^${headscale.url}/`));
    const key = authUrl?.split('/').at(-1) ?? '';
    await headscale.run('nodes', 'register', '--user', 'tester', '--key', key);
    return up;
  }

  async function only(): Promise<Awaited<ReturnType<Headscale['nodes']>>[number]> {
    const nodes = await headscale.nodes();
    expect(nodes).toHaveLength(1);
    const [node] = nodes;
    if (node === undefined) throw new Error('headscale has no node');
    return node;
  }

  test('joins: the address is shown, and it waits', async () => {
    const login = ['--login-server', headscale.url, '--hostname', MACHINE];
    expect(await upByHand(...login)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Success\. right\.hs\.internal/) as string,
      stderr: expect.stringContaining('To authenticate, visit:') as string,
    });
    expect((await only()).given_name).toBe(MACHINE);
  });

  test('takes a new node key and stays the same machine', async () => {
    const before = (await statusOf(world, MACHINE)).self;
    expect(await upByHand('--force-reauth')).toMatchObject({ code: 0 });
    const { self } = await statusUntil('Running', ({ state }) => state === 'Running');
    expect(self?.nodeKey).not.toBe(before?.nodeKey);
    expect(self?.addresses).toEqual(before?.addresses);
    expect(await only()).toMatchObject({ node_key: self?.nodeKey });
  });

  test('renamed there, it knows its name', async () => {
    const { id } = await only();
    await headscale.run('nodes', 'rename', '--identifier', String(id), 'printer');
    await statusUntil('its name', ({ self }) => self?.name === 'printer.hs.internal');
  });

  test('expired there, it is out, and comes back as the same when it is let in again', async () => {
    const before = (await statusOf(world, MACHINE)).self;
    const { id } = await only();
    await headscale.run('nodes', 'expire', '--identifier', String(id));
    const { health } = await statusUntil('out', ({ state }) => state === 'NeedsLogin');
    expect(health.join(' ')).toContain('has expired');
    expect(await upByHand()).toMatchObject({ code: 0 });
    expect((await statusOf(world, MACHINE)).self?.addresses).toEqual(before?.addresses);
    await only();
  });

  test('tagged there, it is not its user’s any more', async () => {
    const { id } = await only();
    const owner = (await statusOf(world, MACHINE)).self?.user;
    expect(owner).toContain('tester');
    await headscale.run('nodes', 'tag', '--identifier', String(id), '--tags', 'tag:office');
    const { self } = await statusUntil('tagged', (status) => status.self?.user !== owner);
    expect(self?.name).toBe('printer.hs.internal');
  });

  test('logs out: headscale takes it for expired', async () => {
    const { stdout } = await cli.attempt(MACHINE, ['logout', '--json']);
    expect(JSON.parse(stdout)).toEqual({ state: 'NeedsLogin', told: true });
    await until(world, 'hub', 'expired', async () => {
      const { seconds } = (await only()).expiry ?? { seconds: Number.POSITIVE_INFINITY };
      expect(seconds).toBeLessThanOrEqual(Date.now() / 1000);
    });
  });
});
