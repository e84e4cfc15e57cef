/**
 * headscale's real database, written by headscale itself with machines that joined and others made by its commands,
 * taken over: by a hub on loopback, and by one that takes headscale's place under the machines that run, a stock one
 * (`left`) and Warren's (`right`).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningHub, runHub } from '@warren/servers/control/run-hub';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon, statusOf } from '../mesh/machines.js';
import { HUB_STATE, until } from '../mesh/places.js';
import { startHub } from '../mesh/servers.js';
import { oneHub } from '../topology/one-hub.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import { skipsGoPeers } from './go-peers.js';
import { HEADSCALE_FILES, Headscale } from './headscale.js';
import { StockClient } from './stock-client.js';

const skips = await skipsGoPeers('headscale', 'tailscaled', 'tailscale');

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const MACHINE = 'right';
const TRUST_FILE = '/run/trusted.pem';
const STOCK = 'left';
const BASE_DOMAIN = ['--base-domain', 'hs.internal'];
const REGION = { id: 901, code: 'town', name: 'Town' };
const POLICY = {
  tagOwners: { 'tag:web': ['tester@'] },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
};

describe.skipIf(skips)('a hub that takes over from headscale', () => {
  let world: World;
  let cli: CommandLine;
  let stock: StockClient;
  let headscale: Headscale;
  let hub: RunningHub;
  let directory: string;

  /** A machine that headscale makes by itself. */
  async function made(name: string, key: string, ...routes: readonly string[]): Promise<string> {
    const advertised = routes.flatMap((route) => ['--route', route]);
    const user = ['--user', 'tester'];
    await headscale.run(
      'debug',
      'create-node',
      '--key',
      key,
      ...user,
      '--name',
      name,
      ...advertised,
    );
    await headscale.run('nodes', 'register', '--key', key, ...user);
    const node = (await headscale.nodes()).find(({ given_name }) => given_name === name);
    return String(node?.id);
  }

  beforeAll(async () => {
    world = await startWorld(oneHub);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    headscale = await Headscale.start(world, 'hub', {}, POLICY);
    writeFileSync(world.path(MACHINE, TRUST_FILE), headscale.certificatePem);
    await startDaemon(world, cli, MACHINE, [], { NODE_EXTRA_CA_CERTS: TRUST_FILE });
    const login = ['--login-server', headscale.url, '--auth-key', await headscale.createKey()];
    await joinMachine(world, cli, MACHINE, login);
    stock = await StockClient.start(world, STOCK, headscale.certificatePem, 'tailscale0');
    await stock.up(headscale.url, await headscale.createKey());
    const router = await made('router', 'abcdefghijklmnopqrstuvwx', '10.7.0.0/16');
    await headscale.run(
      'nodes',
      'approve-routes',
      '--identifier',
      router,
      '--routes',
      '10.7.0.0/16',
    );
    const web = await made('web', 'bcdefghijklmnopqrstuvwxy');
    await headscale.run('nodes', 'tag', '--identifier', web, '--tags', 'tag:web');
    const old = await made('old', 'cdefghijklmnopqrstuvwxyz');
    await headscale.run('nodes', 'rename', '--identifier', old, 'printer');
    await headscale.run('nodes', 'expire', '--identifier', old);
    await headscale.run('apikeys', 'create');
    directory = mkdtempSync(join(tmpdir(), 'warren-import-'));
    hub = await runHub({
      ...{ crypto: createNodeCrypto(), random: createNodeRandom(), clock: systemClock },
      ...{ log: silentLogger, listenHost: '127.0.0.1', port: 0, stunPort: undefined },
      ...{ hostName: '127.0.0.1', stateDir: directory, baseDomain: 'hs.internal' },
      ...{ regionId: 900, regionCode: 'home', regionName: 'Home' },
    });
  });

  afterAll(async () => {
    await hub?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true });
    await world?.close();
  });

  test('says first what it would do, and does nothing', async () => {
    const report = await hub.admin.importHeadscale(
      world.path('hub', HEADSCALE_FILES.database),
      true,
    );
    expect(report).toMatchObject({ dryRun: true, users: ['tester@hs.internal'] });
    expect(report.nodes).toHaveLength(5);
    expect([hub.admin.listNodes(), hub.admin.listUsers()]).toEqual([[], []]);
  });

  test('takes over users and machines with keys, addresses, names, tags and routes', async () => {
    const theirs = await headscale.nodes();
    const report = await hub.admin.importHeadscale(
      world.path('hub', HEADSCALE_FILES.database),
      false,
    );
    const nodes = hub.admin.listNodes();
    expect(nodes.map(({ name }) => name)).toEqual(
      theirs.map(({ given_name }) => `${given_name}.hs.internal`),
    );
    expect(nodes.map(({ nodeKey }) => nodeKey)).toEqual(theirs.map(({ node_key }) => node_key));
    expect(nodes.map(({ addresses }) => addresses)).toEqual(
      theirs.map(({ ip_addresses }) => ip_addresses),
    );
    const named = (name: string) => nodes.find((node) => node.name === `${name}.hs.internal`);
    const { self } = await statusOf(world, MACHINE);
    expect(named(MACHINE)).toMatchObject({
      nodeKey: self?.nodeKey,
      addresses: self?.addresses,
      user: 'tester@hs.internal',
      expired: false,
    });
    expect(named('router')?.routes).toMatchObject({
      announced: ['10.7.0.0/16'],
      approved: ['10.7.0.0/16'],
    });
    expect(named('web')).toMatchObject({ tags: ['tag:web'], user: 'tagged-devices' });
    // headscale 0.28 never writes what `nodes expire` did, and forgets it itself at its next start.
    expect(named('printer')).toMatchObject({ expired: false, nameGiven: true });
    const warnings = report.warnings.join('\n');
    expect(warnings).toMatch(/^pre-auth key \S+ \(tester@hs\.internal, reusable, until /);
    expect(warnings).toContain('1 API keys');
    expect(warnings).not.toContain('become');
  });

  test('a second time there is nothing left to take over', async () => {
    const before = hub.admin.listNodes();
    const report = await hub.admin.importHeadscale(
      world.path('hub', HEADSCALE_FILES.database),
      false,
    );
    expect(report).toMatchObject({ users: [], nodes: [] });
    expect(hub.admin.listNodes()).toEqual(before);
  });

  test('in headscale’s place, with its keys, it has the machines that ran, and they do nothing', async () => {
    const before = {
      right: (await statusOf(world, MACHINE)).self,
      left: (await stock.status()).Self,
    };
    await headscale.stop();
    const { noiseKey, certificate, privateKey, database } = HEADSCALE_FILES;
    const moved = await world.run('hub', [
      ...['sh', '-ec', `umask 077; mkdir -p ${HUB_STATE}; cp ${noiseKey} ${HUB_STATE}/control.key`],
    ]);
    expect(moved.code, moved.stderr).toBe(0);
    // First where no machine reaches it: who is not known yet would be told so.
    const inPlace = [...BASE_DOMAIN, '--tls-cert', certificate, '--tls-key', privateKey];
    const aside = ['--listen', '127.0.0.1:8443', '--no-stun', ...inPlace];
    const first = await startHub(world, cli, 'hub', REGION, aside);
    const report = await cli.run('hub', ['control', 'import-headscale', database]);
    expect(report).toContain('tester@hs.internal');
    first.kill('SIGTERM');
    await first.exited;
    await startHub(world, cli, 'hub', REGION, inPlace);

    await until(world, MACHINE, 'the stock client, on the new relay', async () => {
      const { state, self, peers, health } = await statusOf(world, MACHINE);
      const peer = peers.find(({ hostName }) => hostName === STOCK);
      expect({ state, health, online: peer?.online, relays: [self?.relay, peer?.relay] }).toEqual({
        ...{ state: 'Running', health: [], online: true },
        relays: [REGION.code, REGION.code],
      });
      expect(self).toMatchObject({
        ...{ name: before.right?.name, addresses: before.right?.addresses },
        nodeKey: before.right?.nodeKey,
      });
    });
    const { Self, BackendState } = await stock.status();
    expect(BackendState).toBe('Running');
    expect(Self).toMatchObject({
      ...{ DNSName: before.left.DNSName, TailscaleIPs: before.left.TailscaleIPs },
      PublicKey: before.left.PublicKey,
    });
    for (const [from, to] of [
      [MACHINE, before.left.TailscaleIPs[0]],
      [STOCK, before.right?.addresses[0]],
    ] as const) {
      await until(world, from, `a pong of ${to}`, async () => {
        const { code } = await world.run(from, ['ping', '-n', '-c', '1', '-W', '2', to ?? '']);
        if (code !== 0) throw new Error('none');
      });
    }
  });
});
