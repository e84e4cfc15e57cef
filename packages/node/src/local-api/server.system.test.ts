import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeError } from '../errors.js';
import {
  LOCAL_API_HOST,
  type PingRequest,
  type SettingsReport,
  type SettingsRequest,
} from './protocol.js';
import { type LocalApiBackend, LocalApiServer } from './server.js';

let dir: string;
let path: string;
const servers: LocalApiServer[] = [];
const asked: PingRequest[] = [];
const changes: SettingsRequest[] = [];
const settings: SettingsReport = {
  configFile: '/etc/warren/node.hujson',
  hostName: 'alpha',
  staticEndpoints: { set: [], started: [], inUse: [] },
  hardNats: true,
  healthPort: null,
};

const backend: LocalApiBackend = {
  status: () => Promise.reject(new NodeError('NOT_RUNNING', 'stopped', 'run `warren up`')),
  async up(_request, emit) {
    emit({ event: 'state', state: 'Starting' });
    throw new NodeError('LOGIN_SERVER_URL', 'bad address', 'give https://host');
  },
  down: () => Promise.resolve(),
  logout: () => Promise.resolve({ told: true }),
  async ping(wanted, emit) {
    asked.push(wanted);
    if (wanted.peer === 'slow') await sleep(20);
    if (wanted.peer === 'nobody') throw new NodeError('PEER_UNKNOWN', 'no such peer', 'see status');
    emit({
      seq: 1,
      peer: wanted.peer,
      address: '100.64.0.2',
      path: 'none',
      reason: 'timeout',
      elapsedMs: 1,
    });
  },
  why: (peer) =>
    Promise.reject(new NodeError('PEER_UNKNOWN', `${peer} is not in this network`, 'see status')),
  netcheck: (onProgress) => {
    onProgress('asking');
    return Promise.reject(new NodeError('NETCHECK_UNFINISHED', 'no socket', 'see status'));
  },
  portMap: () => Promise.resolve({ enabled: false, seen: null, cgnat: null, routers: [] }),
  relayMap: () => {
    throw new NodeError('NOT_RUNNING', 'stopped', 'run `warren up`');
  },
  dnsStatus: () => {
    throw new NodeError('NOT_RUNNING', 'stopped', 'run `warren up`');
  },
  dnsQuery: ({ name, type }) =>
    Promise.resolve({ name, type, rcode: 'NXDOMAIN', local: true, upstreams: [], answers: [] }),
  whois: (wanted) => {
    throw new NodeError('PEER_UNKNOWN', `${wanted} is nobody`, 'see status');
  },
  settings: () => settings,
  changeSettings: (request) => {
    changes.push(request);
    return settings;
  },
  shutdown: () => undefined,
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-local-'));
  path = join(dir, 'warren.sock');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(dir, { recursive: true });
});

async function listen(): Promise<void> {
  servers.push(await LocalApiServer.listen(path, backend));
}

function call(method: string, url: string, body?: string, headers = {}): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: path, method, path: url, headers: { host: LOCAL_API_HOST, ...headers } },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => {
          text += part.toString();
        });
        response.on('end', () => resolve([response.statusCode ?? 0, text]));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

test('settings are shown and changed; what is no change is refused', async () => {
  await listen();
  expect(await call('GET', '/v0/settings')).toEqual([200, `${JSON.stringify(settings)}\n`]);
  const change = { staticEndpoints: ['192.0.2.1:1'], hostName: 'beta' };
  expect((await call('PATCH', '/v0/settings', JSON.stringify(change)))[0]).toBe(200);
  expect(changes.splice(0)).toEqual([change]);
  const many = Array.from({ length: 300 }, () => 'x');
  for (const wrong of [
    { staticEndpoints: 'x' },
    { staticEndpoints: [1] },
    { staticEndpoints: many },
  ])
    expect((await call('PATCH', '/v0/settings', JSON.stringify(wrong)))[0]).toBe(400);
  expect(changes).toEqual([]);
});

test('only the owner may open the socket', async () => {
  await listen();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a second daemon is refused, a leftover socket is replaced', async () => {
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(`${path}.dead`, resolve));
  renameSync(`${path}.dead`, path); // so that closing does not remove it
  await new Promise((resolve) => dead.close(resolve));
  expect(statSync(path).isSocket()).toBe(true);
  await listen();
  await expect(LocalApiServer.listen(path, backend)).rejects.toMatchObject({
    code: 'SOCKET_TAKEN',
  });
});

test('a file that is no socket is left alone', async () => {
  writeFileSync(path, 'precious');
  await expect(LocalApiServer.listen(path, backend)).rejects.toMatchObject({
    code: 'SOCKET_RIGHTS',
  });
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

test('a network check is lines: what is done, then the report or why there is none', async () => {
  await listen();
  const [status, lines] = await call('GET', '/v0/netcheck');
  expect(status).toBe(200);
  expect(
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { event: 'progress', message: 'asking' },
    {
      event: 'error',
      error: { code: 'NETCHECK_UNFINISHED', message: 'no socket', hint: 'see status' },
    },
  ]);
  const [mapStatus, refusal] = await call('GET', '/v0/relay-map');
  expect(mapStatus).toBe(500);
  expect(JSON.parse(refusal)).toMatchObject({ error: { code: 'NOT_RUNNING' } });
});

test('what the port mapper found is one document', async () => {
  await listen();
  const [status, text] = await call('GET', '/v0/portmap');
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ enabled: false, routers: [] });
});

test('errors keep their code and hint, before and inside a stream of lines', async () => {
  await listen();
  const [status, text] = await call('GET', '/v0/status');
  expect(status).toBe(500);
  expect(JSON.parse(text)).toEqual({
    error: { code: 'NOT_RUNNING', message: 'stopped', hint: 'run `warren up`' },
  });
  const [upStatus, lines] = await call('POST', '/v0/up', '{}');
  expect(upStatus).toBe(200);
  expect(
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { event: 'state', state: 'Starting' },
    {
      event: 'error',
      error: { code: 'LOGIN_SERVER_URL', message: 'bad address', hint: 'give https://host' },
    },
  ]);
  const [pingStatus, pingText] = await call('POST', '/v0/ping', '{"peer":"nobody"}');
  expect(pingStatus).toBe(500);
  expect(pingText).toContain('PEER_UNKNOWN');
});

test('browsers, strangers and broken requests are refused', async () => {
  await listen();
  expect((await call('GET', '/v0/status', undefined, { host: 'evil.example' }))[0]).toBe(403);
  expect((await call('GET', '/v0/status', undefined, { origin: 'https://evil' }))[0]).toBe(403);
  expect((await call('POST', '/v0/ping', 'not json'))[0]).toBe(400);
  expect((await call('POST', '/v0/ping', '{}'))[0]).toBe(400);
  expect((await call('POST', '/v0/ping', `{"peer":"${'a'.repeat(70_000)}"}`))[0]).toBe(400);
  expect((await call('GET', '/v0/nothing'))[0]).toBe(404);
});

test.each(['{"loginServer":5}', '{"authKey":{}}', '{"hostName":""}', '{"authKey":null}'])(
  'an up that says %s changes nothing',
  async (body) => {
    await listen();
    expect((await call('POST', '/v0/up', body))[0]).toBe(400);
  },
);

test('waits of a ping are bounded: a timer beyond its range fires at once, again and again', async () => {
  await listen();
  asked.length = 0;
  const forever = '{"peer":"beta","intervalMs":1e12,"timeoutMs":1e12}';
  expect((await call('POST', '/v0/ping', forever))[0]).toBe(200);
  expect(asked[0]?.intervalMs).toBeLessThan(2 ** 31);
  expect(asked[0]?.timeoutMs).toBeLessThan(2 ** 31);
});

test('a command that goes away in the middle of lines or before its answer harms nobody', async () => {
  await listen();
  for (const url of ['/v0/up', '/v0/ping', '/v0/down', '/v0/status']) {
    const method = url === '/v0/status' ? 'GET' : 'POST';
    for (const afterMs of [0, 5, 30]) {
      const sent = request({
        socketPath: path,
        method,
        path: url,
        headers: { host: LOCAL_API_HOST },
      });
      sent.on('error', () => undefined);
      sent.end(method === 'GET' ? undefined : '{"peer":"slow"}');
      await sleep(afterMs);
      sent.destroy();
    }
  }
  await sleep(100);
  expect((await call('POST', '/v0/ping', '{"peer":"beta"}'))[0]).toBe(200);
});

test('a ping answers one line per pong', async () => {
  await listen();
  const [status, text] = await call('POST', '/v0/ping', '{"peer":"beta"}');
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ seq: 1, peer: 'beta' });
});
