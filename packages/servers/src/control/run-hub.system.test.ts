import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAuthKey } from '@warren/core/control/auth-key';
import type { WireRelayMap } from '@warren/core/netmap/wire';
import { decodeBindingResponse, encodeTokenRequest } from '@warren/core/stun/binding';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunHubOptions, type RunningHub, runHub } from './run-hub.js';

let directory: string;
const running: { close(): unknown }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-hub-'));
});

afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
  rmSync(directory, { recursive: true });
});

async function start(changes: Partial<RunHubOptions> = {}): Promise<RunningHub> {
  const hub = await runHub({
    crypto: createNodeCrypto(),
    random: createNodeRandom(),
    clock: systemClock,
    log: silentLogger,
    listenHost: '127.0.0.1',
    port: 0,
    stunPort: 0,
    hostName: '127.0.0.1',
    stateDir: join(directory, 'state'),
    regionId: 900,
    regionCode: 'home',
    regionName: 'Home',
    adminSocket: join(directory, 'admin.sock'),
    statsSocket: join(directory, 'stats.sock'),
    ...changes,
  });
  running.push(hub);
  return hub;
}

const stateFile = (): string => join(directory, 'state', 'control.db');

/** One request to a unix socket. */
function ask(
  socket: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(directory, socket), method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          json: JSON.parse(text) as Record<string, unknown>,
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('identity and state survive, and only their owner reads them', async () => {
  const first = await start();
  const { pins } = first;
  for (const name of ['control.key', 'control.db', 'control.db-wal', 'tls.pem', 'relay.key']) {
    expect(statSync(join(directory, 'state', name)).mode & 0o777).toBe(0o600);
  }
  await first.close();
  const second = await start();
  expect(second.pins).toEqual(pins);
  expect(second.reissued).toBeUndefined();
});

test('the URL leaves out 443 and brackets IPv6', async () => {
  const hub = await start();
  expect(hub.url).toBe(`https://127.0.0.1:${hub.port}`);
  const v6 = await start({
    hostName: '::1',
    stateDir: join(directory, 'v6'),
    adminSocket: undefined,
    statsSocket: undefined,
  });
  expect(v6.url).toBe(`https://[::1]:${v6.port}`);
});

test('its STUN server gives tokens for addresses, as that of any relay of ours', async () => {
  const hub = await start();
  const socket = createSocket('udp4');
  running.push(socket);
  const arrived = once(socket, 'message');
  socket.send(encodeTokenRequest(new Uint8Array(12)), hub.stunPort ?? 0, '127.0.0.1');
  const [bytes] = (await arrived) as [Buffer];
  const response = decodeBindingResponse(bytes, { allowLoopback: true });
  expect(response).toHaveProperty('addressToken');
});

test('keys are made, listed and ended over the admin socket', async () => {
  const hub = await start();
  expect(statSync(join(directory, 'admin.sock')).mode & 0o777).toBe(0o600);
  const made = await ask('admin.sock', 'POST', '/api/v1/keys', {
    reusable: true,
    tags: ['tag:lab'],
  });
  expect(made).toMatchObject({
    status: 200,
    json: { reusable: true, tags: ['tag:lab'], user: 'tagged-devices', usable: true },
  });
  const parsed = parseAuthKey(String(made.json['key']));
  expect(parsed?.pins).toEqual(hub.pins);
  expect(parsed?.id).toBe(made.json['id']);
  const plain = await ask('admin.sock', 'POST', '/api/v1/keys');
  expect(plain.json).toMatchObject({ reusable: false, user: 'owner@warren.internal' });
  const ended = await ask('admin.sock', 'POST', `/api/v1/keys/${String(plain.json['id'])}/expire`);
  expect(ended.json).toMatchObject({ usable: false });
  const listed = await ask('admin.sock', 'GET', '/api/v1/keys');
  const keys = listed.json['keys'] as Record<string, unknown>[];
  expect(keys.map((key) => key['usable'])).toEqual([true, false]);
  expect(JSON.stringify(listed.json)).not.toContain(parsed?.secret);
  for (const file of [stateFile(), `${stateFile()}-wal`]) {
    expect(readFileSync(file, 'latin1')).not.toContain(parsed?.secret);
  }
});

test('what the admin socket can’t do it says with code and hint', async () => {
  await start();
  const cases: [string, string, unknown, number, string][] = [
    ['POST', '/api/v1/keys/none/expire', undefined, 404, 'AUTH_KEY_UNKNOWN'],
    ['DELETE', '/api/v1/nodes/7', undefined, 404, 'NODE_UNKNOWN'],
    ['POST', '/api/v1/keys', { tags: ['server'] }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/keys', { tags: 'tag:x' }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/keys', { user: 'a b' }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/keys', { expiresInMs: -1 }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/keys', [], 400, 'REQUEST_INVALID'],
    ['GET', '/v2/keys', undefined, 404, 'NOT_HERE'],
    ['POST', '/api/v1/nodes/7/rename', { name: 'a' }, 404, 'NODE_UNKNOWN'],
    ['POST', '/api/v1/nodes/7/rename', {}, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/nodes/7/expire', undefined, 404, 'NODE_UNKNOWN'],
    ['POST', '/api/v1/nodes/7/expire', { expiresInMs: 'soon' }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/users', undefined, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/users', { name: 'a b' }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/users/7/rename', { name: 'ann' }, 404, 'USER_UNKNOWN'],
    ['DELETE', '/api/v1/users/7', undefined, 404, 'USER_UNKNOWN'],
    ['POST', '/api/v1/backup', { file: 'relative.db' }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/v1/backup', { file: '/nowhere/at/all.db' }, 500, 'FILE_UNWRITABLE'],
  ];
  for (const [method, path, body, status, code] of cases) {
    const answer = await ask('admin.sock', method, path, body);
    expect([method, path, answer.status, answer.json['code']]).toEqual([
      method,
      path,
      status,
      code,
    ]);
    expect(answer.json['hint']).toBeTruthy();
  }
  expect((await ask('admin.sock', 'GET', '/api/v1/nodes')).json).toEqual({ nodes: [] });
});

test('the numbers of relay, STUN and control come over the stats socket', async () => {
  await start();
  const { json } = await ask('stats.sock', 'GET', '/stats');
  expect(json).toMatchObject({ connections: [], pairs: [], control: { nodes: 0, mapStreams: 0 } });
});

test('nothing of what is inside is shown at the public port', async () => {
  const { port } = await start();
  for (const path of ['/stats', '/metrics', '/debug', '/debug/pprof/', '/api/v1/nodes']) {
    const options = { host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false };
    const [response] = (await once(httpsRequest(options).end(), 'response')) as [IncomingMessage];
    response.resume();
    expect([path, response.statusCode]).toEqual([path, path.startsWith('/api/') ? 401 : 404]);
  }
});

const west = {
  RegionID: 902,
  RegionCode: 'west',
  RegionName: 'West',
  Nodes: [{ Name: '902a', RegionID: 902, HostName: '192.0.2.1', STUNPort: 3478, DERPPort: 443 }],
};

test('regions of other relays stand beside our own in the map', async () => {
  const hub = await start({ extraRegions: [west] });
  expect(Object.keys(hub.relayMap.Regions)).toEqual(['900', '902']);
  expect(hub.relayMap.Regions['902']).toEqual(west);
});

test('a hub without relay names only the others, answers no STUN and relays for nobody', async () => {
  const { port: relaying } = await start();
  const probe = async (port: number): Promise<number> => {
    const options = { port, path: '/derp/probe', rejectUnauthorized: false, agent: false };
    const [response] = (await once(httpsRequest(options).end(), 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode ?? 0;
  };
  const hub = await start({
    relay: false,
    extraRegions: [west],
    stateDir: join(directory, 'other-state'),
    adminSocket: undefined,
    statsSocket: undefined,
  });
  expect(hub.relayMap.Regions).toEqual({ 902: west });
  expect(hub.stunPort).toBeUndefined();
  expect(await probe(relaying)).toBe(200);
  expect(await probe(hub.port)).toBe(404);
});

/** As anybody may ask for them. */
async function servedRegions({ port }: RunningHub): Promise<WireRelayMap['Regions']> {
  const options = { host: '127.0.0.1', port, path: '/derpmap/default', rejectUnauthorized: false };
  const [response] = (await once(httpsRequest(options).end(), 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part as string;
  return (JSON.parse(text) as WireRelayMap).Regions;
}

test('other regions take effect while the hub runs; what is no region changes nothing', async () => {
  const region = (id: number) => ({
    RegionID: id,
    RegionCode: 'west',
    RegionName: 'West',
    Nodes: [{ Name: `${id}a`, RegionID: id, HostName: '192.0.2.1', STUNPort: 3478, DERPPort: 443 }],
  });
  const hub = await start({ extraRegions: [region(902)] });
  const regions = async (): Promise<string[]> => Object.keys(await servedRegions(hub));
  expect(await regions()).toEqual(['900', '902']);
  hub.setExtraRegions([region(903)]);
  expect(await regions()).toEqual(['900', '903']);
  expect(() => hub.setExtraRegions([region(904), { RegionID: 5 }])).toThrow(
    expect.objectContaining({ code: 'CONTROL_SETTING' }),
  );
  expect(await regions()).toEqual(['900', '903']);
});

test('a map from elsewhere stands under our own region, and is read again when asked', async () => {
  const place = join(directory, 'map.json');
  const other = (id: number): object => ({
    ...{ RegionID: id, RegionCode: 'x', RegionName: 'Elsewhere' },
    Nodes: [{ Name: 'a', RegionID: id, HostName: 'derp.example.net' }],
  });
  writeFileSync(place, JSON.stringify({ Regions: { 1: other(1), 900: other(900) } }));
  const hub = await start({ derpMaps: [{ kind: 'file', place }] });
  const regions = await servedRegions(hub);
  expect(Object.values(regions).map(({ RegionName }) => RegionName)).toEqual(['Elsewhere', 'Home']);
  writeFileSync(place, JSON.stringify({ Regions: { 2: other(2) } }));
  hub.setExtraRegions([]);
  await expect.poll(async () => Object.keys(await servedRegions(hub))).toEqual(['2', '900']);
});

test.each<[string, Partial<RunHubOptions>, string]>([
  ['a region that is none', { extraRegions: [{ RegionID: 5 }] }, 'CONTROL_SETTING'],
  ['a region that is null', { extraRegions: [null] }, 'CONTROL_SETTING'],
  ['no relay at all', { relay: false }, 'CONTROL_SETTING'],
  [
    'a map at an address that anybody could change',
    { derpMaps: [{ kind: 'url', place: 'http://derp.example.net/' }] },
    'CONTROL_SETTING',
  ],
  ['a base domain that is none', { baseDomain: 'No Domain' }, 'CONTROL_SETTING'],
  ['a host name that is none', { hostName: 'a b' }, 'CERTIFICATE_UNUSABLE'],
  ['an address that is not here', { listenHost: '192.0.2.1' }, 'ADDRESS_UNAVAILABLE'],
  ['a socket path without directory', { adminSocket: '/nowhere/admin.sock' }, 'ADMIN_SOCKET_PATH'],
])('%s stops the start with a code, and nothing stays running', async (_, changes, code) => {
  await expect(start(changes)).rejects.toMatchObject({ code });
  await start(); // ports, sockets and state are free
});

test('a port that is taken is named', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  running.push(other);
  await expect(start({ port })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(String(port)) as string,
  });
});

test('a second hub on the same admin socket is kept off', async () => {
  const hub = await start();
  const stateDir = join(directory, 'other');
  await expect(start({ stateDir, statsSocket: undefined })).rejects.toMatchObject({
    code: 'ADMIN_SOCKET_TAKEN',
  });
  expect((await ask('admin.sock', 'GET', '/api/v1/info')).json).toMatchObject({ url: hub.url });
});

test('a second hub on the same state is kept off, until the first has ended', async () => {
  const hub = await start();
  const changes = { adminSocket: join(directory, 'other.sock'), statsSocket: undefined };
  await expect(start(changes)).rejects.toMatchObject({ code: 'STATE_LOCKED' });
  await hub.close();
  await start(changes);
});

test('a damaged state stops the start and stays as it is', async () => {
  await (await start()).close();
  const whole = readFileSync(stateFile());
  for (const damaged of [Buffer.alloc(0), Buffer.from('no database'), whole.subarray(0, -20)]) {
    writeFileSync(stateFile(), damaged);
    await expect(start()).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
    expect(readFileSync(stateFile()).equals(damaged)).toBe(true);
  }
});

test('a damaged control key stops the start: a new one would strand every machine', async () => {
  await (await start()).close();
  writeFileSync(join(directory, 'state', 'control.key'), 'privkey:00\n');
  await expect(start()).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
});

test('a signal ends the hub', async () => {
  const abort = new AbortController();
  const hub = await start({ signal: abort.signal });
  abort.abort();
  await hub.closed;
  await start();
});
