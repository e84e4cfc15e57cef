/** What a hub remembers of its machines, over restarts; clients are HTTP/2 sessions inside Noise. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  formatPublicKey,
  generatePrivateKey,
  type MachinePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import { openControlSession } from '@warren/node/control/control-connection';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NodeInfo } from './admin-types.js';
import { type RunningHub, runHub } from './run-hub.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

let directory: string;
let hub: RunningHub;
const sessions: ClientHttp2Session[] = [];

async function startHub(): Promise<void> {
  hub = await runHub({
    crypto,
    random,
    clock: systemClock,
    log: silentLogger,
    listenHost: '127.0.0.1',
    port: 0,
    stunPort: undefined,
    hostName: '127.0.0.1',
    stateDir: directory,
    regionId: 900,
    regionCode: 'home',
    regionName: 'Home',
  });
}

async function restartHub(): Promise<void> {
  await hub.close();
  await startHub();
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-memory-'));
  await startHub();
});

afterEach(async () => {
  for (const one of sessions.splice(0)) one.destroy();
  await hub.close();
  rmSync(directory, { recursive: true });
});

/** A client's identity, which outlives its connections. */
class Machine {
  readonly #machineKey: MachinePrivateKey = generatePrivateKey('machine', random);
  nodeKey = Machine.freshKey();
  session: ClientHttp2Session | undefined;

  static freshKey(): string {
    return formatPublicKey('node', publicKeyOf(crypto, 'node', generatePrivateKey('node', random)));
  }

  async connect(): Promise<ClientHttp2Session> {
    this.session = await openControlSession({
      url: new URL(hub.url),
      pins: hub.pins,
      crypto,
      random,
      machinePrivateKey: this.#machineKey,
      signal: new AbortController().signal,
    });
    this.session.on('error', () => undefined);
    sessions.push(this.session);
    return this.session;
  }

  /** One request; its answer's first bytes. */
  async ask(path: string, request: object): Promise<string> {
    const session = this.session ?? (await this.connect());
    return new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': path });
      stream.on('data', (part: Buffer) => resolve(part.toString()));
      stream.on('error', reject);
      stream.on('close', () => resolve(''));
      stream.end(JSON.stringify({ Version: 113, NodeKey: this.nodeKey, ...request }));
    });
  }

  async register(authKey?: string): Promise<Record<string, unknown>> {
    const auth = authKey === undefined ? {} : { Auth: { AuthKey: authKey } };
    const Hostinfo = { Hostname: 'desk' };
    return JSON.parse(await this.ask('/machine/register', { Hostinfo, ...auth })) as Record<
      string,
      unknown
    >;
  }

  static async joined(): Promise<Machine> {
    const machine = new Machine();
    const { key } = await hub.admin.createAuthKey();
    expect(await machine.register(key)).toMatchObject({ Error: '' });
    return machine;
  }
}

const first = (): NodeInfo => {
  const [node] = hub.admin.listNodes();
  if (node === undefined) throw new Error('nobody has joined');
  return node;
};

test('when a machine was last seen is stored when it stays away', async () => {
  const machine = await Machine.joined();
  await machine.ask('/machine/map', { Stream: true });
  expect(first()).toMatchObject({ online: true, lastSeen: null });
  machine.session?.destroy();
  for (let tries = 0; first().online && tries < 300; tries++) await sleep(100);
  const { lastSeen } = first();
  expect(lastSeen).not.toBeNull();
  await restartHub();
  expect(first()).toMatchObject({ online: false, lastSeen });
});

test('numbers and addresses of a deleted machine go to nobody else soon', async () => {
  await Machine.joined();
  await Machine.joined();
  const [, second] = hub.admin.listNodes();
  await hub.admin.deleteNode(second?.id ?? 0);
  await restartHub();
  await Machine.joined();
  expect(hub.admin.listNodes().map(({ id, addresses }) => [id, addresses[0]])).toEqual([
    [1, '100.64.0.1'],
    [3, '100.64.0.3'],
  ]);
});

test('a machine whose key an operator ended comes back as itself with a new one', async () => {
  const machine = await Machine.joined();
  const before = first();
  expect(await hub.admin.expireNode(before.id)).toMatchObject({ expired: true });
  await restartHub();
  machine.session = undefined;
  expect(await machine.register()).toMatchObject({ NodeKeyExpired: true });
  machine.nodeKey = Machine.freshKey();
  const { key } = await hub.admin.createAuthKey();
  expect(await machine.register(key)).toMatchObject({ Error: '' });
  const { id, stableId, addresses, name } = before;
  expect(hub.admin.listNodes()).toHaveLength(1);
  expect(first()).toMatchObject({ id, stableId, addresses, name, expired: false });
});

test('a name that an operator gave stays over restarts and reports', async () => {
  const machine = await Machine.joined();
  await Machine.joined();
  await hub.admin.renameNode(1, 'printer');
  await restartHub();
  machine.session = undefined;
  await machine.ask('/machine/map', { OmitPeers: true, Hostinfo: { Hostname: 'other' } });
  expect(first()).toMatchObject({
    name: 'printer.warren.internal',
    nameGiven: true,
    hostName: 'other',
  });
  await expect(hub.admin.renameNode(1, 'desk-1')).rejects.toMatchObject({
    code: 'NODE_NAME_TAKEN',
  });
  await expect(hub.admin.renameNode(1, 'Desk')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  expect(await hub.admin.renameNode(1, null)).toMatchObject({ name: 'other.warren.internal' });
});

test('a user with machines stays; its new name reaches the lists', async () => {
  await Machine.joined();
  const [owner] = hub.admin.listUsers();
  const id = owner?.id ?? 0;
  await expect(hub.admin.deleteUser(id)).rejects.toMatchObject({
    code: 'USER_OWNS_NODES',
    message: expect.stringMatching(/@.* owns machines$/) as unknown,
  });
  await hub.admin.renameUser(id, { name: 'ann@example.net' });
  expect(first().user).toBe('ann@example.net');
  await hub.admin.deleteNode(1);
  expect(await hub.admin.deleteUser(id)).toMatchObject({ displayName: 'ann' });
  expect(hub.admin.listAuthKeys()).toEqual([]);
});
