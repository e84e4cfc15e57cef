/** `warren hub` and `warren control` as processes on loopback. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthKeyInfo, CreatedAuthKeyInfo } from '@warren/servers/control/admin-types';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CliOutcome, runCli } from '../testing/run-cli.js';

let dir: string;
let adminSocket: string;
const hubs: { readonly child: ChildProcess; readonly ended: Promise<CliOutcome> }[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-hub-'));
  adminSocket = join(dir, 'hub.sock');
});
afterEach(async () => {
  for (const { child, ended } of hubs.splice(0)) {
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(dir, { recursive: true });
});

function hubLine(...flags: string[]): string[] {
  const places = ['--state-dir', join(dir, 'state'), '--admin-socket', adminSocket];
  return ['hub', '--listen', '127.0.0.1:0', '--stun-port', '0', ...places, ...flags];
}

/** Starts a hub; answers what it printed once it was ready. It ends with the test, or by `stop`. */
async function startHub(...flags: string[]) {
  let child: ChildProcess | undefined;
  let ready: (out: string) => void = () => undefined;
  const printed = new Promise<string>((resolve) => {
    ready = resolve;
  });
  const ended = runCli(hubLine(...flags), {
    onStart: (started) => {
      child = started;
    },
    onOutput: (out) => {
      if (/\n {2}warren .*\n$/.test(out) || out.startsWith('{')) ready(out);
    },
  });
  if (child === undefined) throw new Error('runCli starts the process at once');
  hubs.push({ child, ended });
  const out = await Promise.race([
    printed,
    ended.then(({ err }) => Promise.reject(new Error(err))),
  ]);
  const stop = async (signal: NodeJS.Signals): Promise<CliOutcome> => {
    child?.kill(signal);
    return ended;
  };
  return { out, stop };
}

const control = (...line: string[]) => runCli(['control', '--admin-socket', adminSocket, ...line]);

const JOIN =
  /\n {2}warren up --login-server https:\/\/127\.0\.0\.1:\d+ --auth-key wkey-auth-[a-z0-9]{12}-\S{43}\.\S{86}\n$/;

describe('a hub', () => {
  test('prints the line to paste on its first start only; later how to make a key', async () => {
    const first = await startHub();
    expect(first.out).toMatch(/^The hub is up on https:\/\/127\.0\.0\.1:\d+, STUN on UDP \d+\.\n/);
    expect(first.out).toMatch(JOIN);
    expect((await first.stop('SIGTERM')).code).toBe(0);

    const second = await startHub();
    expect(second.out).not.toContain('--auth-key');
    expect(second.out).toMatch(/\n {2}warren control keys create\n$/);
    expect((await second.stop('SIGINT')).code).toBe(130);

    const third = await startHub('--new-key');
    expect(third.out).toMatch(JOIN);
    expect(JSON.parse((await control('keys', 'list', '--json')).out)).toHaveLength(2);
  });

  test('--json says it in one line', async () => {
    const { out } = await startHub('--json', '--no-stun');
    expect(JSON.parse(out)).toEqual({
      ready: {
        url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/) as string,
        stunPort: null,
        adminSocket,
        authKey: expect.stringMatching(/^wkey-auth-/) as string,
        reissued: null,
      },
    });
  });

  test('takes regions of other relays, and refuses what is none', async () => {
    const state = join(dir, 'relay');
    const relay = ['relay', '--listen', '127.0.0.1:0', '--stun-port', '0', '--state-dir', state];
    await runCli(relay, { onOutput: (_out, child) => child.kill('SIGTERM') });
    const file = join(state, 'derp-region.json');
    const first = await startHub('--derp-region-file', file);
    expect(first.out).toMatch(JOIN);
    await first.stop('SIGTERM');
    const alone = await startHub('--no-relay', '--derp-region-file', file);
    expect(alone.out).toMatch(/no STUN/);
    await alone.stop('SIGTERM');

    writeFileSync(join(dir, 'not.json'), '{');
    writeFileSync(join(dir, 'other.json'), '{"RegionID": "x"}');
    const refused = async (name: string) =>
      (await runCli(hubLine('--derp-region-file', join(dir, name)))).err;
    expect(await refused('missing.json')).toContain('(FILE_MISSING)');
    expect(await refused('not.json')).toContain('(FILE_CORRUPT)');
    expect(await refused('other.json')).toContain('(CONTROL_SETTING)');
    expect((await runCli(hubLine('--no-relay'))).err).toContain('(CONTROL_SETTING)');
  });

  test('takes a policy from a file, and does not start on one that makes no sense or fails its tests', async () => {
    const file = join(dir, 'policy.hujson');
    const withRules = hubLine('--policy-file', file);
    expect((await runCli(withRules)).err).toContain('(FILE_MISSING)');
    writeFileSync(file, '{\n "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:ssh"] }],\n}');
    const { code, err } = await runCli(withRules);
    expect(code).toBe(64);
    expect(err).toContain('policy.hujson:2:');
    expect(err).toContain('(CONFIG_INVALID)');
    const failing = '{ "acls": [],\n"tests": [{ "src": "ann@", "accept": ["bob@:22"] }] }';
    writeFileSync(file, failing);
    const refused = await runCli(withRules);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/policy\.hujson:2: ann@ must reach bob@:22.*\(POLICY_TESTS\)/);
    writeFileSync(
      file,
      '{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:22"] }] } // ssh',
    );
    const hub = await startHub('--policy-file', file);
    expect(hub.out).toMatch(JOIN);
    await hub.stop('SIGTERM');
    // What was good once holds when the file is broken at the next start.
    writeFileSync(file, failing);
    const again = await startHub('--policy-file', file);
    expect(again.out).toMatch(/is up/);
    await again.stop('SIGTERM');
  });

  test('reads the regions again on SIGHUP, and keeps them when a file makes no sense', async () => {
    const file = join(dir, 'region.json');
    const node = { Name: '7a', RegionID: 7, HostName: '192.0.2.7', DERPPort: 443 };
    const region = { RegionID: 7, RegionCode: 'far', RegionName: 'Far', Nodes: [node] };
    writeFileSync(file, JSON.stringify(region));
    const { stop } = await startHub('--derp-region-file', file);
    const { child } = hubs[0] ?? {};
    const notes: string[] = [];
    child?.stderr?.on('data', (part: Buffer) => notes.push(part.toString()));
    const said = async (words: string): Promise<void> => {
      for (let tries = 0; tries < 200 && !notes.join('').includes(words); tries++) await sleep(50);
      expect(notes.join('')).toContain(words);
    };
    writeFileSync(file, JSON.stringify({ ...region, RegionName: 'Farther' }));
    child?.kill('SIGHUP');
    await said('were read again');
    writeFileSync(file, '{');
    child?.kill('SIGHUP');
    await said('stay as they were');
    expect((await stop('SIGTERM')).code).toBe(0);
  });

  test('keeps a second hub off its admin socket', async () => {
    await startHub();
    const { code, err } = await runCli(hubLine('--state-dir', join(dir, 'other')));
    expect(code).toBe(1);
    expect(err).toContain('(ADMIN_SOCKET_TAKEN)');
  });

  test('says that a new name strands machines', async () => {
    await (await startHub()).stop('SIGTERM');
    expect((await startHub('--host', 'localhost')).out).toContain('must join again');
  });

  test.runIf(process.geteuid?.() === 0)('without rights can’t have low ports: 77', async () => {
    chmodSync(dir, 0o777);
    const { code, err } = await runCli(hubLine('--listen', '127.0.0.1:443'), { uid: 65_534 });
    expect(code).toBe(77);
    expect(err).toMatch(
      /root is needed to listen on port 443 \(RIGHTS\)\n {2}hint: .* from 1024 up/,
    );
  });
});

describe('control keys', () => {
  beforeEach(async () => {
    await startHub();
  });

  test('create prints the key alone on stdout and the line to paste on stderr', async () => {
    const { code, out, err } = await control('keys', 'create');
    expect(code).toBe(0);
    expect(out).toMatch(/^wkey-auth-[a-z0-9]{12}-\S+\n$/);
    expect(err).toMatch(
      /\n {2}warren up --login-server https:\/\/127\.0\.0\.1:\d+ --auth-key wkey-/,
    );
  });

  test('properties are as asked for', async () => {
    const flags = [
      '--reusable',
      '--ephemeral',
      '--expiry',
      '7d',
      '--tag',
      'tag:a',
      '--tag',
      'tag:b',
    ];
    const { out } = await control('keys', 'create', '--json', ...flags);
    const key = JSON.parse(out) as CreatedAuthKeyInfo;
    expect(key).toMatchObject({ reusable: true, ephemeral: true, tags: ['tag:a', 'tag:b'] });
    const lifeMs = Date.parse(key.expiresAt ?? '') - Date.parse(key.createdAt);
    expect(lifeMs).toBe(7 * 86_400_000);
  });

  test('by default for one machine, within a day; or for ever', async () => {
    const create = async (...flags: string[]) =>
      JSON.parse((await control('keys', 'create', '--json', ...flags)).out) as CreatedAuthKeyInfo;
    const usual = await create('--user', 'ann');
    expect(usual).toMatchObject({ reusable: false, ephemeral: false, user: 'ann@warren.internal' });
    expect(Date.parse(usual.expiresAt ?? '') - Date.parse(usual.createdAt)).toBe(86_400_000);
    expect((await create('--expiry', 'never')).expiresAt).toBeNull();
  });

  test('expire ends a key, which the list shows', async () => {
    const created = JSON.parse((await control('keys', 'create', '--json')).out) as AuthKeyInfo;
    expect((await control('keys', 'expire', created.id)).err).toContain(created.id);
    const { out } = await control('keys', 'list');
    expect(out).toMatch(/^ID +USER +KIND +CREATED +EXPIRES +STATE +TAGS\n/);
    const row = out.split('\n').find((line) => line.startsWith(created.id));
    expect(row).toMatch(/ once +\ds ago +in 23h +ended$/);
  });

  test('an unknown key is 3, a wrong tag the hub’s refusal', async () => {
    expect((await control('keys', 'expire', 'nope')).code).toBe(3);
    expect(await control('keys', 'create', '--tag', 'x')).toMatchObject({ code: 1, out: '' });
    expect((await control('keys', 'create', '--expiry', '0')).code).toBe(64);
  });
});

describe('control nodes', () => {
  test('none yet; deleting an unknown one is 3, by name and by id', async () => {
    await startHub();
    expect((await control('nodes', 'list')).out).toBe('ID  NAME  USER  ADDRESSES  STATE\n');
    expect(JSON.parse((await control('nodes', 'list', '--json')).out)).toEqual([]);
    for (const wanted of ['printer', '7']) {
      const { code, err } = await control('nodes', 'delete', wanted);
      expect(code).toBe(3);
      expect(err).toContain('(NODE_UNKNOWN)');
    }
  });
});

describe('without a hub', () => {
  test('69, with what to do', async () => {
    const { code, err } = await control('keys', 'create');
    expect(code).toBe(69);
    expect(err).toMatch(
      /hub\.sock \(HUB_ABSENT\)\n {2}hint: start it with `warren hub`, or .*--admin-socket/,
    );
    const json = await control('nodes', 'list', '--json');
    expect(json.err).toBe('');
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'HUB_ABSENT' } });
  });

  test.runIf(process.geteuid?.() === 0)('the socket of another user is 77', async () => {
    await startHub();
    chmodSync(dir, 0o755);
    const line = ['control', '--admin-socket', adminSocket, 'keys', 'list'];
    const { code, err } = await runCli(line, { uid: 65_534 });
    expect(code).toBe(77);
    expect(err).toContain(`talk to the hub on ${adminSocket} (RIGHTS)`);
  });
});
