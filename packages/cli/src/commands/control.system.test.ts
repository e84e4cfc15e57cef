/** `warren control users|nodes|backup` against a hub on loopback. */
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CreatedCodeInfo, UserInfo } from '@warren/servers/control/admin-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../testing/run-cli.js';
import { startTestHub, type TestHub } from '../testing/run-hub.js';

let dir: string;
let adminSocket: string;
let hub: TestHub | undefined;

async function startHub(): Promise<void> {
  hub = await startTestHub(dir, adminSocket);
}

async function stopHub(): Promise<void> {
  await hub?.stop();
  hub = undefined;
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'warren-control-'));
  adminSocket = join(dir, 'hub.sock');
  await startHub();
});
afterEach(async () => {
  await stopHub();
  rmSync(dir, { recursive: true });
});

const control = (...line: string[]) => runCli(['control', '--admin-socket', adminSocket, ...line]);
const json = async (...line: string[]) =>
  JSON.parse((await control(...line, '--json')).out) as unknown;

test('users are made, named, listed and deleted, and survive the hub', async () => {
  expect((await control('users', 'create', 'ann')).err).toMatch(/ann@warren\.internal .* id \d+\./);
  const bea = (await json(
    'users',
    'create',
    'bea@example.net',
    '--display-name',
    'Bea B',
  )) as UserInfo;
  expect(bea).toMatchObject({ name: 'bea@example.net', displayName: 'Bea B', nodes: 0 });
  await control('keys', 'create', '--user', 'ann');
  expect((await control('users', 'rename', 'ann', 'cora')).err).toContain('cora@warren.internal');
  await stopHub();
  await startHub();
  const { out } = await control('users', 'list');
  expect(out).toMatch(/^ID +NAME +DISPLAY NAME +NODES +KEYS\n/);
  expect(out).toMatch(/\n\d+ +cora@warren\.internal +cora +0 +1\n/);
  expect(await json('users', 'delete', 'cora')).toMatchObject({ name: 'cora@warren.internal' });
  expect(await json('keys', 'list')).toHaveLength(1); // the hub's first key, not Cora's
});

const REFUSALS: readonly (readonly [readonly string[], number, string])[] = [
  [['users', 'create', 'owner'], 1, 'USER_TAKEN'],
  [['users', 'create', 'a b'], 1, 'REQUEST_INVALID'],
  [['users', 'create', 'ann', '--display-name', ''], 1, 'REQUEST_INVALID'],
  [['users', 'rename', 'nobody', 'ann'], 3, 'USER_UNKNOWN'],
  [['users', 'delete', '99'], 3, 'USER_UNKNOWN'],
  [['nodes', 'rename', '7', 'printer'], 3, 'NODE_UNKNOWN'],
  [['node', 'rename', '7', 'printer'], 3, 'NODE_UNKNOWN'], // as the fingers have it
  [['nodes', 'rename', '7'], 64, 'USAGE'],
  [['nodes', 'rename', '7', 'printer', '--host-name'], 64, 'USAGE'],
  [['nodes', 'expire', 'printer'], 3, 'NODE_UNKNOWN'],
  [['nodes', 'expire', '7', '--in', '0'], 64, 'USAGE'],
  [['nodes', 'tag', '7', 'tag:web'], 3, 'NODE_UNKNOWN'],
  [['nodes', 'tag', '7', 'web'], 1, 'REQUEST_INVALID'],
  [['nodes', 'tag', '7'], 64, 'USAGE'],
  [['nodes', 'tag', '7', 'tag:web', '--user', 'ann'], 64, 'USAGE'],
  [['logins', 'approve', 'https://hub.example.net/register/nobody'], 3, 'LOGIN_UNKNOWN'],
  [['logins', 'reject', 'nobody'], 3, 'LOGIN_UNKNOWN'],
  [['ssh-checks', 'approve', 'nobody'], 3, 'SSH_CHECK_UNKNOWN'],
  [['logins', 'code', '--expiry', '0'], 64, 'USAGE'],
  [['backup', '/nowhere/at/all.db'], 1, 'FILE_UNWRITABLE'],
  [['serve', '--listen', '127.0.0.1:0'], 64, 'USAGE'],
];

test('what can’t be done is said with code and exit code', async () => {
  for (const [line, code, name] of REFUSALS) {
    const outcome = await control(...line, '--json');
    expect([line, JSON.parse(outcome.out)]).toMatchObject([line, { error: { code: name } }]);
    expect([line, outcome.code]).toEqual([line, code]);
  }
});

test('a plain WireGuard machine is added with its file, printed again without its key, named and deleted', async () => {
  const made = await control('nodes', 'add-wireguard', 'phone', '--generate', '--user', 'ann');
  expect(made.err).toBe('');
  expect(made.out).toMatch(/^PrivateKey = [A-Za-z0-9+/]{43}=$/m);
  expect(made.out).toMatch(/^Address = 100\.\S+\/32, fd7a:\S+\/128$/m);
  const router = ['router', '--public-key', 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='];
  const tagged = await control(
    'nodes',
    'add-wireguard',
    ...router,
    '--tag',
    'tag:edge',
    '--endpoint',
    '203.0.113.7:51820',
  );
  // They meet there, and the phone keeps its way open.
  expect(tagged.out).toMatch(/^ListenPort = 51820$/m);
  expect(tagged.out).toContain('# phone.warren.internal, which comes to us');
  const again = (await control('nodes', 'wireguard-config', 'phone')).out;
  expect(again).toMatch(/^PrivateKey = $/m);
  expect(again).toMatch(/^Endpoint = 203\.0\.113\.7:51820\nPersistentKeepalive = 25$/m);
  expect((await control('nodes', 'list')).out).toMatch(
    /phone\.warren\.internal +ann@\S+ .*plain WireGuard/,
  );
  expect((await control('nodes', 'rename', 'router', 'edge')).err).toContain(
    'edge.warren.internal',
  );
  expect((await control('nodes', 'delete', 'edge')).err).toContain('is forgotten');
  expect(await control('nodes', 'add-wireguard', ...router)).toMatchObject({ code: 0 });
});

test.each([
  [['phone'], 'USAGE'],
  [['phone', '--public-key', 'short'], 'REQUEST_INVALID'],
  [['My Phone', '--generate'], 'REQUEST_INVALID'],
  [['phone', '--generate', '--endpoint', 'phone.example:51820'], 'REQUEST_INVALID'],
  [['phone', '--generate', '--tag', 'edge'], 'REQUEST_INVALID'],
])('%j adds no plain WireGuard machine', async (line, code) => {
  expect((await control('nodes', 'add-wireguard', ...line)).err).toContain(code);
  expect(await json('nodes', 'list')).toEqual([]);
});

test('a code is shown once, listed as one, and ended like a key; the address to join at has pins', async () => {
  const made = await control('logins', 'code', '--user', 'ann');
  expect(made.out).toMatch(/^([a-z2-9]{4}-){5}[a-z2-9]{4}\n$/);
  expect(made.err).toMatch(
    /one machine in, as ann@warren\.internal\. On the machine that joins:\n/,
  );
  expect(made.err).toMatch(/ warren up --login-server 'https:\/\/127\.0\.0\.1:\d+#[\w-]{86}'\n$/);
  const code = (await json('logins', 'code', '--reusable', '--expiry', 'never')) as CreatedCodeInfo;
  expect(code).toMatchObject({ purpose: 'approve', reusable: true, expiresAt: null });
  expect((await control('keys', 'list')).out).toMatch(
    new RegExp(`\\n${code.id} +owner@warren\\.internal +reusable,code +`),
  );
  expect(await json('keys', 'expire', code.id)).toMatchObject({ id: code.id, usable: false });
  expect((await control('logins', 'list')).out).toMatch(/^ID +HOST NAME +SYSTEM +KEY +FROM +ENDS/);
  expect(await json('logins', 'list')).toEqual([]);
});

test('a backup is a whole database: a hub on it has everything', async () => {
  await control('users', 'create', 'ann');
  const file = join(dir, 'backup.db');
  expect((await control('backup', file)).err).toContain(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await control('backup', file)).err).toContain('(FILE_UNWRITABLE)');
  const users = await json('users', 'list');
  const keys = await json('keys', 'list');
  await stopHub();
  // What docs/recovery.md says.
  const state = join(dir, 'state', 'control.db');
  rmSync(state);
  rmSync(`${state}-wal`, { force: true });
  copyFileSync(file, state);
  await startHub();
  expect(await json('users', 'list')).toEqual(users);
  expect(await json('keys', 'list')).toEqual(keys);
});

test('control serves without a relay, with those of region files', async () => {
  await stopHub();
  const file = join(dir, 'region.json');
  const node = { Name: '7a', RegionID: 7, HostName: '192.0.2.7', DERPPort: 443 };
  const region = { RegionID: 7, RegionCode: 'far', RegionName: 'Far', Nodes: [node] };
  writeFileSync(file, JSON.stringify(region));
  const own = ['--listen', '127.0.0.1:0', '--state-dir', join(dir, 'state')];
  let ready = '';
  const { code } = await runCli(
    [
      'control',
      '--admin-socket',
      adminSocket,
      'serve',
      '--json',
      ...own,
      '--derp-region-file',
      file,
    ],
    {
      onOutput: (out, child) => {
        ready = out;
        child.kill('SIGTERM');
      },
    },
  );
  expect(JSON.parse(ready)).toMatchObject({ ready: { adminSocket, stunPort: null } });
  expect(code).toBe(0);
  await startHub();
});
