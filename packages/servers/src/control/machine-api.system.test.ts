import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFailure } from '@warren/core/base/failure';
import { decodeUtf8 } from '@warren/core/base/text';
import { MapFrameDecoder } from '@warren/core/control/map-framing';
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
import { type RunningHub, runHub } from './run-hub.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

let directory: string;
let hub: RunningHub;
let session: ClientHttp2Session;
const sessions: ClientHttp2Session[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-api-'));
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
  session = await connect();
});

afterEach(async () => {
  for (const one of sessions.splice(0)) one.destroy();
  await hub.close();
  rmSync(directory, { recursive: true });
});

async function connect(
  machinePrivateKey: MachinePrivateKey = generatePrivateKey('machine', random),
): Promise<ClientHttp2Session> {
  const made = await openControlSession({
    url: new URL(hub.url),
    pins: hub.pins,
    crypto,
    random,
    machinePrivateKey,
    signal: new AbortController().signal,
  });
  made.on('error', () => undefined);
  sessions.push(made);
  return made;
}

const freshKey = (): string =>
  formatPublicKey('node', publicKeyOf(crypto, 'node', generatePrivateKey('node', random)));

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One request and its whole answer; of a stream the first `frames` frames. */
function ask(
  path: string,
  body: object | Buffer,
  options: { method?: string; session?: ClientHttp2Session; firstBytes?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = (options.session ?? session).request({
      ':method': options.method ?? 'POST',
      ':path': path,
    });
    let status = 0;
    const parts: Buffer[] = [];
    const done = (): void => resolve({ status, body: Buffer.concat(parts) });
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('data', (part: Buffer) => {
      parts.push(part);
      if (options.firstBytes === true) done();
    });
    stream.on('error', reject);
    stream.on('close', done);
    stream.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

const registerWith = (nodeKey: string, authKey: string, version = 113): Promise<Answer> =>
  ask('/machine/register', { Version: version, NodeKey: nodeKey, Auth: { AuthKey: authKey } });

async function joined(): Promise<string> {
  const nodeKey = freshKey();
  await registerWith(nodeKey, (await hub.admin.createAuthKey()).key);
  return nodeKey;
}

function jsonOf(answer: Answer): Record<string, unknown> {
  return JSON.parse(answer.body.toString()) as Record<string, unknown>;
}

test('unknown paths are 404, known ones that are not done 501, wrong methods 405', async () => {
  expect((await ask('/machine/nonsense', {})).status).toBe(404);
  expect((await ask('/machine/set-dns', {})).status).toBe(501);
  expect((await ask('/machine/tka/init/begin', {})).status).toBe(501);
  expect((await ask('/machine/map', {}, { method: 'PUT' })).status).toBe(405);
});

test('bodies that are no requests are 400, bodies over 1 MiB 413', async () => {
  expect((await ask('/machine/register', Buffer.from('{'))).status).toBe(400);
  expect((await ask('/machine/register', [])).status).toBe(400);
  expect((await ask('/machine/map', { Version: 113 })).status).toBe(400);
  expect((await ask('/machine/map', Buffer.alloc(1024 * 1024 + 1, 0x20))).status).toBe(413);
  expect((await ask('/machine/nonsense', {})).status).toBe(404); // the connection still serves
});

test('clients below the oldest version are told so', async () => {
  const nodeKey = freshKey();
  const refused = await registerWith(nodeKey, (await hub.admin.createAuthKey()).key, 105);
  expect(refused.status).toBe(200);
  expect(jsonOf(refused)['Error']).toMatch(/too old/);
  const map = await ask('/machine/map', { Version: 105, NodeKey: nodeKey, Stream: true });
  expect(map.status).toBe(400);
  expect(map.body.toString()).toMatch(/too old/);
});

/** 106: stock 1.74, two years old; 111 and 112 changed how peers are told; the last is one that nobody has yet. */
const VERSIONS = [106, 109, 110, 111, 112, 113, 120, 130, 138, 145, 999];

test('clients of two years, and newer ones than we know, get in and are told of each other', async () => {
  const { key } = await hub.admin.createAuthKey({ reusable: true });
  for (const [i, version] of VERSIONS.entries()) {
    const machine = await connect();
    const nodeKey = freshKey();
    const register = { Version: version, NodeKey: nodeKey, Auth: { AuthKey: key } };
    const joins = await ask('/machine/register', register, { session: machine });
    expect(jsonOf(joins), String(version)).toMatchObject({ Error: '', MachineAuthorized: true });
    const update = {
      ...{ Version: version, NodeKey: nodeKey, OmitPeers: true },
      Hostinfo: { Hostname: `v${version}`, NetInfo: { PreferredDERP: 900 } },
    };
    const stored = await ask('/machine/map', update, { session: machine });
    expect([stored.status, stored.body.length]).toEqual([200, 0]);
    const map = await ask(
      '/machine/map',
      { Version: version, NodeKey: nodeKey },
      { session: machine },
    );
    const frames = new MapFrameDecoder().push(map.body);
    if (isFailure(frames)) throw new Error(frames.reason);
    const { Peers } = JSON.parse(decodeUtf8(frames[0] ?? new Uint8Array()) ?? '') as {
      readonly Peers?: readonly object[];
    };
    expect(Peers ?? []).toHaveLength(i);
    for (const peer of Peers ?? [])
      expect(peer).toMatchObject({ HomeDERP: 900, DERP: '127.3.3.40:900' });
  }
});

test('another machine gets nothing for a node key that is not its own', async () => {
  const nodeKey = await joined();
  const thief = await connect();
  const asThief = { session: thief };
  const map = { Version: 113, NodeKey: nodeKey, Stream: true };
  expect((await ask('/machine/map', map, asThief)).status).toBe(401);
  const update = { Version: 113, NodeKey: nodeKey, OmitPeers: true, Endpoints: ['192.0.2.66:6'] };
  expect((await ask('/machine/map', update, asThief)).status).toBe(401);
  const register = { Version: 113, NodeKey: nodeKey };
  expect((await ask('/machine/register', register, asThief)).status).toBe(401);
  expect(hub.admin.listNodes()[0]?.endpoints).toEqual([]);
});

test('a policy is tried on the routes that it would approve itself', async () => {
  const router = await joined();
  session = await connect();
  await joined();
  [session] = sessions as [ClientHttp2Session];
  const announce = {
    ...{ Version: 113, NodeKey: router, OmitPeers: true },
    Hostinfo: { Hostname: 'router', RoutableIPs: ['10.7.0.0/16'] },
  };
  expect((await ask('/machine/map', announce)).status).toBe(200);
  const policy = (autoApprovers: object) =>
    JSON.stringify({
      hosts: { desk: hub.admin.listNodes()[1]?.addresses[0] },
      acls: [{ action: 'accept', src: ['desk'], dst: ['10.7.0.0/16:443'] }],
      autoApprovers,
    });
  expect(hub.admin.checkPolicy(policy({}))).toMatchObject({ valid: true, nodes: 2, pairs: 0 });
  const approving = policy({ routes: { '10.0.0.0/8': ['owner@'] } });
  expect(hub.admin.checkPolicy(approving)).toMatchObject({ valid: true, nodes: 2, pairs: 1 });
});

test('an unknown node is 404', async () => {
  const map = { Version: 113, NodeKey: freshKey(), Stream: true };
  const answer = await ask('/machine/map', map);
  expect([answer.status, answer.body.toString()]).toEqual([404, 'node not found\n']);
});

test('a lite update is stored and answered empty; a poll is read-only', async () => {
  const nodeKey = await joined();
  const update = {
    Version: 113,
    NodeKey: nodeKey,
    OmitPeers: true,
    Endpoints: ['192.0.2.1:1'],
    Hostinfo: { Hostname: 'alpha', NetInfo: { PreferredDERP: 900 } },
  };
  const answer = await ask('/machine/map', update);
  expect([answer.status, answer.body.length]).toEqual([200, 0]);
  const poll = { ...update, OmitPeers: false, Stream: true, Endpoints: ['192.0.2.9:9'] };
  await ask('/machine/map', poll, { firstBytes: true });
  expect(hub.admin.listNodes()[0]).toMatchObject({
    endpoints: ['192.0.2.1:1'],
    homeRegion: 900,
    hostName: 'alpha',
    online: true,
  });
});

test('one map without a stream is one frame and an end', async () => {
  const nodeKey = await joined();
  const answer = await ask('/machine/map', { Version: 113, NodeKey: nodeKey });
  const frames = new MapFrameDecoder().push(answer.body);
  if (isFailure(frames)) throw new Error(frames.reason);
  expect(frames).toHaveLength(1);
  const map = JSON.parse(decodeUtf8(frames[0] ?? new Uint8Array()) ?? '') as object;
  expect(map).toMatchObject({ Node: { Key: nodeKey }, Domain: 'warren.internal' });
});

test('a client that asks for zstd gets valid zstd frames', async () => {
  const nodeKey = await joined();
  const poll = { Version: 113, NodeKey: nodeKey, Stream: true, Compress: 'zstd' };
  const answer = await ask('/machine/map', poll, { firstBytes: true });
  expect(answer.body.subarray(4, 8).toString('hex')).toBe('28b52ffd');
});

test('keys that control never made let nobody in', async () => {
  const { key } = await hub.admin.createAuthKey();
  const forged = `${key.split('.')[0]?.slice(0, -4) ?? ''}AAAA`;
  expect(jsonOf(await registerWith(freshKey(), forged))['Error']).toBe('invalid auth key');
  expect(hub.admin.listNodes()).toEqual([]);
});

test('a retry while the first request is still running joins once', async () => {
  const nodeKey = freshKey();
  const { key } = await hub.admin.createAuthKey();
  const answers = await Promise.all([1, 2, 3].map(() => registerWith(nodeKey, key)));
  expect(answers.map((answer) => jsonOf(answer)['Error'])).toEqual(['', '', '']);
  expect(hub.admin.listNodes()).toHaveLength(1);
});
