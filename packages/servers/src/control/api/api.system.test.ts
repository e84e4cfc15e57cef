/** The admin API of a hub on loopback: with tokens over HTTPS, without on the admin socket. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteDatabase } from '../database/sqlite-database.js';
import { type RunHubOptions, type RunningHub, runHub } from '../run-hub.js';
import type { Operation } from './operation.js';
import { allOperations } from './operations/all-operations.js';
import type { Scope } from './scopes.js';

let directory: string;
let hub: RunningHub;

async function start(changes: Partial<RunHubOptions> = {}): Promise<void> {
  hub = await runHub({
    crypto: createNodeCrypto(),
    random: createNodeRandom(),
    clock: systemClock,
    log: silentLogger,
    listenHost: '127.0.0.1',
    port: 0,
    stunPort: undefined,
    hostName: '127.0.0.1',
    stateDir: join(directory, 'state'),
    regionId: 900,
    regionCode: 'home',
    regionName: 'Home',
    adminSocket: join(directory, 'admin.sock'),
    ...changes,
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-api-'));
  await start();
});
afterEach(async () => {
  await hub.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  readonly json: Record<string, unknown>;
}

/** `token` undefined: over the admin socket; empty: over HTTPS without one. */
function ask(
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
  const all = {
    ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage): void => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        const isJson = (response.headers['content-type'] ?? '').includes('json');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          json: isJson ? (JSON.parse(bytes.toString()) as Record<string, unknown>) : {},
        });
      });
    };
    const common = { method, path: `/api/v1${path}`, headers: all, agent: false } as const;
    const asked =
      token === undefined
        ? httpRequest({ ...common, socketPath: join(directory, 'admin.sock') }, onAnswer)
        : httpsRequest(
            { ...common, host: '127.0.0.1', port: hub.port, rejectUnauthorized: false },
            onAnswer,
          );
    asked.on('error', reject);
    asked.end(text);
  });
}

async function tokenWith(...scopes: readonly Scope[]): Promise<string> {
  const { json } = await ask(undefined, 'POST', '/tokens', { scopes });
  return String(json['token']);
}

describe('who may ask', () => {
  test('over HTTPS nobody without a token that is good', async () => {
    const good = await tokenWith('all');
    const id = good.split('-')[2] ?? '';
    const wrong = ['', 'wkey-api-nobody', `${good}x`, good.replace(id, 'aaaaaaaaaaaa')];
    for (const token of wrong) {
      const { status, headers, json } = await ask(token, 'GET', '/nodes');
      expect([status, json['code']]).toEqual([401, 'TOKEN_INVALID']);
      expect(headers['www-authenticate']).toMatch(/^Bearer/);
      expect(headers['content-type']).toBe('application/problem+json');
      expect(json).toMatchObject({ type: 'urn:warren:error:TOKEN_INVALID', status: 401 });
      expect(json['hint']).toBeTruthy();
    }
    expect((await ask(good, 'GET', '/nodes')).json).toEqual({ nodes: [] });
    await ask(undefined, 'POST', `/tokens/${id}/revoke`);
    expect((await ask(good, 'GET', '/nodes')).status).toBe(401);
  });

  test('too many wrong tokens are slowed down, and lock nobody out', async () => {
    const good = await tokenWith('read');
    const statuses: number[] = [];
    for (let number = 0; number < 12; number++) {
      const { status, headers } = await ask('wkey-api-x', 'GET', '/nodes');
      statuses.push(status);
      if (status === 429) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(10);
    expect(statuses).toContain(429);
    expect((await ask(good, 'GET', '/nodes')).status).toBe(200);
  });

  test('each operation wants what the document says, and no other scope passes', async () => {
    const scopes = ['read', 'nodes', 'keys', 'users', 'policy', 'all'] as const;
    const tokens = new Map<string, string>();
    for (const scope of scopes) tokens.set(scope, await tokenWith(scope));
    // What lets it through it answers with something else than 403: the body makes no sense.
    const place = (one: Operation): string => one.path.replace('{id}', '7');
    for (const one of allOperations) {
      if (one.id === 'clearPolicy') continue; // it needs no body
      for (const scope of scopes) {
        const body = one.method === 'get' || one.method === 'delete' ? undefined : '[]';
        const answer = await ask(
          tokens.get(scope) ?? '',
          one.method.toUpperCase(),
          place(one),
          body,
        );
        const passes = expected(one).includes(scope);
        expect([one.id, scope, answer.status === 403]).toEqual([one.id, scope, !passes]);
        if (!passes) expect(answer.json['code']).toBe('TOKEN_SCOPE');
      }
    }
  }, 60_000);

  test('health and the document are open; the document names every operation', async () => {
    expect((await ask('', 'GET', '/health')).json).toEqual({ status: 'ok' });
    const { json } = await ask('', 'GET', '/openapi.json');
    expect(json['openapi']).toBe('3.1.0');
    const paths = json['paths'] as Record<string, Record<string, { operationId: string }>>;
    const named = Object.values(paths).flatMap((one) => Object.values(one));
    expect(named.map(({ operationId }) => operationId).sort()).toEqual(
      allOperations.map(({ id }) => id).sort(),
    );
    expect(paths['/api/v1/nodes/{id}/rename']?.['post']).toMatchObject({
      security: [{ token: [] }],
      parameters: [{ in: 'path', name: 'id', required: true }],
      requestBody: {
        content: { 'application/json': { schema: { $ref: '#/components/schemas/RenameRequest' } } },
      },
    });
    expect(JSON.stringify(json['components'])).toContain('"Node":');
  });
});

function expected({ access }: Operation): readonly string[] {
  if (access === 'public') return ['read', 'nodes', 'keys', 'users', 'policy', 'all'];
  if (access === 'local') return [];
  if (access.kind === 'secret' || (access.area === 'system' && access.kind === 'write')) {
    return ['all'];
  }
  if (access.area === 'system') return ['read', 'all'];
  return access.kind === 'read' ? ['read', access.area, 'all'] : [access.area, 'all'];
}

test('what makes no sense is refused, bounded, and changes nothing', async () => {
  const token = await tokenWith('all');
  const cases: readonly (readonly [string, string, unknown, number, string])[] = [
    ['POST', '/users', '{', 400, 'REQUEST_INVALID'],
    ['POST', '/users', 'null', 400, 'REQUEST_INVALID'],
    ['POST', '/users', { name: 'ann', nme: 1 }, 400, 'REQUEST_INVALID'],
    ['POST', '/users', { name: 7 }, 400, 'REQUEST_INVALID'],
    ['POST', '/users', { name: 'a'.repeat(70_000) }, 413, 'REQUEST_TOO_LARGE'],
    ['POST', '/tokens', { scopes: ['root'] }, 400, 'REQUEST_INVALID'],
    ['POST', '/tokens', { scopes: [] }, 400, 'REQUEST_INVALID'],
    ['GET', '/audit?limit=0', undefined, 400, 'REQUEST_INVALID'],
    ['GET', '/audit?limit=1e3', undefined, 400, 'REQUEST_INVALID'],
    ['DELETE', '/nodes/0', undefined, 400, 'REQUEST_INVALID'],
    ['DELETE', '/nodes/1e1', undefined, 400, 'REQUEST_INVALID'],
    ['DELETE', '/nodes/99', undefined, 404, 'NODE_UNKNOWN'],
    ['POST', '/tokens/nobody/revoke', undefined, 404, 'TOKEN_UNKNOWN'],
    ['PATCH', '/nodes/1', {}, 404, 'NOT_HERE'],
    ['GET', '/../../derp', undefined, 404, 'NOT_HERE'],
    ['GET', '//nodes', undefined, 404, 'NOT_HERE'],
    ['POST', '/backup', { file: '/tmp/x.db' }, 403, 'TOKEN_SCOPE'],
    ['POST', '/import/headscale', { file: '/etc/passwd' }, 403, 'TOKEN_SCOPE'],
    ['PUT', '/policy', { text: '{"acls": [{}]}' }, 422, 'CONFIG_INVALID'],
  ];
  for (const [method, path, body, status, code] of cases) {
    const answer = await ask(token, method, path, body);
    expect([method, path, answer.status, answer.json['code']]).toEqual([
      method,
      path,
      status,
      code,
    ]);
    expect(answer.json['hint']).toBeTruthy();
  }
  expect((await ask(token, 'GET', '/users')).json).toEqual({ users: [] });
  // The path that is judged is the one that is answered.
  const narrow = await tokenWith('nodes');
  expect((await ask(narrow, 'GET', '/nodes/../tokens')).status).toBe(403);
  const host = await ask(token, 'GET', '/info', undefined, { host: 'evil.example' });
  expect(host.json['url']).toBe(hub.url);
});

test('every answer is as its schema says', async () => {
  const local = async (method: string, path: string, body?: unknown) =>
    (await ask(undefined, method, path, body)).json;
  await local('POST', '/users', { name: 'ann' });
  await local('POST', '/keys', { user: 'ann', tags: [] });
  await local('PUT', '/policy', { text: '{ "acls": [] }' });
  const simple = allOperations.filter(
    ({ method, path }) => method === 'get' && !path.includes('{'),
  );
  expect(simple.length).toBeGreaterThan(8);
  for (const { path, answer } of simple) {
    if (answer === undefined) continue;
    const json = await local('GET', path);
    expect([path, answer.safeParse(json).error]).toEqual([path, undefined]);
  }
});

test('the audit log says who did what, and what came of it', async () => {
  const nodes = await tokenWith('nodes');
  const id = nodes.split('-')[2] ?? '';
  await ask(undefined, 'POST', '/users', { name: 'ann' });
  await ask(nodes, 'DELETE', '/nodes/99');
  await ask(nodes, 'POST', '/users', { name: 'mallory' });
  await ask(nodes, 'GET', '/nodes');
  await ask('wrong', 'DELETE', '/nodes/1');
  const { entries } = (await ask(undefined, 'GET', '/audit')).json as {
    entries: readonly Record<string, unknown>[];
  };
  const seen = entries.map(({ actor, action, target, outcome }) => [
    actor,
    action,
    target,
    outcome,
  ]);
  expect(seen).toEqual([
    [`token:${id}`, 'createUser', '', 'TOKEN_SCOPE'],
    [`token:${id}`, 'deleteNode', '99', 'NODE_UNKNOWN'],
    ['local', 'createUser', '1', 'ok'],
    ['local', 'createToken', id, 'ok'],
  ]);
  expect(entries[2]?.['detail']).toBe('{"name":"ann"}');
  expect(JSON.stringify(entries)).not.toContain(nodes);
  const older = (
    await ask(undefined, 'GET', `/audit?limit=1&before=${Number(entries[1]?.['number'])}`)
  ).json;
  expect(older['entries']).toEqual([entries[2]]);
  await hub.close();
  await start();
  expect((await ask(undefined, 'GET', '/audit')).json['entries']).toEqual(entries);
});

test('a backup comes as a stream: a whole database, with no file left behind', async () => {
  const token = await tokenWith('all');
  await ask(token, 'POST', '/users', { name: 'ann' });
  const { status, headers, bytes } = await ask(token, 'GET', '/backup');
  expect([status, headers['content-type']]).toEqual([200, 'application/vnd.sqlite3']);
  expect(bytes.length).toBe(Number(headers['content-length']));
  const file = join(directory, 'copy.db');
  writeFileSync(file, bytes, { mode: 0o600 });
  const copy = openSqliteDatabase({ path: file, log: silentLogger });
  try {
    expect([...copy.stored.state.users.values()]).toMatchObject([
      { loginName: 'ann@warren.internal' },
    ]);
  } finally {
    copy.close();
  }
  const left = readdirSync(join(directory, 'state'));
  expect(left).not.toContain('.control-download.db');
});

describe('the policy', () => {
  const POLICY = '{ "acls": [], "tests": [{ "src": "ann@", "deny": ["ann@:22"] }] }';

  test('without a file it is set over the API, survives, and goes when it is cleared', async () => {
    const token = await tokenWith('policy');
    expect((await ask(token, 'PUT', '/policy', { text: POLICY })).json).toMatchObject({
      file: null,
      text: POLICY,
      tests: 1,
    });
    const failing = POLICY.replace('"deny"', '"accept"');
    const refused = await ask(token, 'PUT', '/policy', { text: failing });
    expect([refused.status, refused.json['code']]).toEqual([422, 'POLICY_TESTS']);
    expect((await ask(token, 'POST', '/policy/check', { text: failing })).json).toMatchObject({
      valid: false,
    });
    await hub.close();
    await start();
    expect((await ask(token, 'GET', '/policy')).json).toMatchObject({ text: POLICY });
    expect((await ask(token, 'DELETE', '/policy')).json).toMatchObject({ text: null });
    await hub.close();
    await start();
    expect((await ask(token, 'GET', '/policy')).json).toMatchObject({ text: null });
  });

  test('of a file is not set here; without the file it stays and is', async () => {
    const policyFile = join(directory, 'policy.hujson');
    writeFileSync(policyFile, POLICY);
    await hub.close();
    await start({ policyFile });
    for (const method of ['PUT', 'DELETE']) {
      const body = method === 'PUT' ? { text: POLICY } : undefined;
      const { status, json } = await ask(undefined, method, '/policy', body);
      expect([status, json['code']]).toEqual([409, 'POLICY_IN_FILE']);
    }
    await hub.close();
    await start();
    const { json } = await ask(undefined, 'GET', '/policy');
    expect(json).toMatchObject({ file: null, text: POLICY });
    expect((await ask(undefined, 'DELETE', '/policy')).status).toBe(200);
  });
});

test('a token’s secret is in no file', async () => {
  const secret = (await tokenWith('all')).split('-').slice(3).join('-');
  await hub.close();
  const file = readFileSync(join(directory, 'state', 'control.db'), 'latin1');
  expect(file).not.toContain(secret);
  expect(file).toContain(createHash('sha256').update(secret).digest('hex'));
  await start();
});
