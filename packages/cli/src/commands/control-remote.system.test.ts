/** `warren control` with a token, over HTTPS, against a hub on loopback; tokens, the audit log, policies, imports. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ApiTokenInfo,
  AuditInfo,
  CreatedApiTokenInfo,
} from '@warren/servers/control/admin-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CliOutcome, runCli } from '../testing/run-cli.js';

let dir: string;
let adminSocket: string;
let tokenFile: string;
let server: string;
let hub: ChildProcess | undefined;
let hubEnded: Promise<CliOutcome> | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'warren-remote-'));
  adminSocket = join(dir, 'hub.sock');
  tokenFile = join(dir, 'token');
  await new Promise<void>((resolve, reject) => {
    hubEnded = runCli(
      [
        ...['hub', '--json', '--listen', '127.0.0.1:0', '--no-stun', '--host', '127.0.0.1'],
        ...['--state-dir', join(dir, 'state'), '--admin-socket', adminSocket],
      ],
      {
        onStart: (child) => {
          hub = child;
        },
        onOutput: (out) => {
          if (out.includes('"ready"')) resolve();
        },
      },
    );
    hubEnded.then(({ err }) => reject(new Error(err)), reject);
  });
  const made = await local('tokens', 'create', '--scope', 'all', '--description', 'Ann');
  writeFileSync(tokenFile, made.out);
  server = /--server '([^']+)'/.exec(made.err)?.[1] ?? '';
  expect(server).toMatch(/^https:\/\/127\.0\.0\.1:\d+#[\w-]{86}$/);
});
afterEach(async () => {
  hub?.kill('SIGTERM');
  await hubEnded;
  rmSync(dir, { recursive: true });
});

const local = (...line: string[]) => runCli(['control', '--admin-socket', adminSocket, ...line]);
const remote = (...line: string[]) =>
  runCli(['control', '--server', server, '--token-file', tokenFile, ...line]);
const parsed = ({ out }: CliOutcome) => JSON.parse(out) as unknown;

test('from elsewhere everything looks as it does on the hub', async () => {
  expect((await remote('users', 'create', 'ann')).err).toContain('ann@warren.internal');
  for (const line of [
    ['users', 'list'],
    ['keys', 'list', '--json'],
    ['nodes', 'list', '--json'],
  ]) {
    expect(await remote(...line)).toEqual(await local(...line));
  }
  const file = join(dir, 'backup.db');
  expect((await remote('backup', file)).err).toContain(file);
  expect(readFileSync(file, 'latin1').startsWith('SQLite format 3')).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(parsed(await remote('backup', file, '--json'))).toMatchObject({
    error: { code: 'FILE_UNWRITABLE' },
  });
});

test('the environment says which hub, and a socket that is named wins', async () => {
  const environment = { WARREN_CONTROL_SERVER: server, WARREN_CONTROL_TOKEN_FILE: tokenFile };
  const line = ['control', 'users', 'list', '--json'];
  expect(parsed(await runCli(line, { environment }))).toEqual([
    expect.objectContaining({ name: 'owner@warren.internal' }),
  ]);
  const token = readFileSync(tokenFile, 'utf8');
  const given = { WARREN_CONTROL_SERVER: server, WARREN_CONTROL_TOKEN: token };
  expect((await runCli(line, { environment: given })).code).toBe(0);
  const nowhere = { WARREN_CONTROL_SERVER: 'https://127.0.0.1:9' };
  const socket = ['control', '--admin-socket', adminSocket, 'users', 'list', '--json'];
  expect((await runCli(socket, { environment: nowhere })).code).toBe(0);
});

test('what does not let one in is said with code and exit code', async () => {
  const other = join(dir, 'other');
  writeFileSync(other, 'wkey-api-aaaaaaaaaaaa-nobody\n');
  const [origin = '', pins = ''] = server.split('#');
  const wrongPins = `${origin}#${pins.startsWith('A') ? 'B' : 'A'}${pins.slice(1)}`;
  const read = await local('tokens', 'create', '--scope', 'read');
  const readFile = join(dir, 'read');
  writeFileSync(readFile, read.out);
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [['--server', server, '--token-file', other, 'nodes', 'list'], 77, 'TOKEN_INVALID'],
    [['--server', server, '--token-file', readFile, 'users', 'create', 'ann'], 77, 'TOKEN_SCOPE'],
    [['--server', server, '--token-file', readFile, 'audit'], 77, 'TOKEN_SCOPE'],
    [['--server', origin, '--token-file', tokenFile, 'nodes', 'list'], 1, 'TLS_UNTRUSTED'],
    [['--server', wrongPins, '--token-file', tokenFile, 'nodes', 'list'], 1, 'TLS_PIN_MISMATCH'],
    [['--server', server, 'nodes', 'list'], 64, 'USAGE'],
    [['--server', server, '--token-file', dir, 'nodes', 'list'], 1, 'FILE_UNREADABLE'],
    [
      ['--server', 'http://127.0.0.1', '--token-file', other, 'nodes', 'list'],
      64,
      'LOGIN_SERVER_URL',
    ],
    [['--server', server, '--admin-socket', adminSocket, 'nodes', 'list'], 64, 'USAGE'],
    [['--server', server, '--token-file', tokenFile, 'import-headscale', 'x'], 64, 'USAGE'],
    [['--server', server, '--token-file', tokenFile, 'tokens', 'revoke', 'x'], 3, 'TOKEN_UNKNOWN'],
    [['--admin-socket', adminSocket, 'import-headscale', '/nowhere'], 1, 'FILE_MISSING'],
    [['--admin-socket', adminSocket, 'tokens', 'create', '--scope', 'root'], 64, 'USAGE'],
  ];
  for (const [line, code, name] of cases) {
    const outcome = await runCli(['control', ...line, '--json']);
    expect([line, JSON.parse(outcome.out)]).toMatchObject([line, { error: { code: name } }]);
    expect([line, outcome.code]).toEqual([line, code]);
  }
});

test('tokens are listed without secrets and end when they are revoked; the audit log names them', async () => {
  const token = readFileSync(tokenFile, 'utf8').trim();
  const made = parsed(
    await remote('tokens', 'create', '--scope', 'users', '--scope', 'keys', '--json'),
  ) as CreatedApiTokenInfo;
  expect(made.scopes).toEqual(['keys', 'users']);
  const list = parsed(await local('tokens', 'list', '--json')) as readonly ApiTokenInfo[];
  expect(list).toMatchObject([
    { description: 'Ann', usable: true },
    { id: made.id, usedAt: null },
  ]);
  expect(list[0]?.usedAt).not.toBeNull();
  const table = (await local('tokens', 'list')).out;
  expect(table).toMatch(/^ID +SCOPES +CREATED +EXPIRES +USED +STATE +DESCRIPTION\n/);
  expect(table + JSON.stringify(list)).not.toContain(token);
  expect((await remote('tokens', 'revoke', made.id)).err).toContain(made.id);
  const entries = parsed(await remote('audit', '--json')) as readonly AuditInfo[];
  const own = `token:${list[0]?.id}`;
  expect(entries.map(({ actor, action, target }) => [actor, action, target])).toEqual([
    [own, 'revokeToken', made.id],
    [own, 'createToken', made.id],
    ['local', 'createToken', list[0]?.id],
  ]);
  expect((await remote('audit', '-n', '1')).out).toMatch(/^TIME .*\n.*revokeToken .* ok/);
});

test('a policy is set, shown, and cleared from elsewhere', async () => {
  const file = join(dir, 'policy.hujson');
  writeFileSync(file, '{ "acls": [], }\n');
  expect((await remote('policy', 'set', file)).out).toMatch(
    /^The policy of the hub's database holds/,
  );
  expect((await local('policy', 'show')).out).toBe('{ "acls": [], }\n');
  writeFileSync(file, '{ "acls": [], "tests": [{ "src": "ann@", "accept": ["ann@:22"] }] }');
  const refused = await remote('policy', 'set', file, '--json');
  expect([refused.code, parsed(refused)]).toMatchObject([1, { error: { code: 'POLICY_TESTS' } }]);
  expect((await remote('policy', 'clear')).code).toBe(0);
  expect((await remote('policy', 'status')).out).toContain('There is no policy');
});
