/** SSH sessions that a policy lets in after a check, as the target machine asks a hub on loopback. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
const sessions: ClientHttp2Session[] = [];

let directory: string;
let hub: RunningHub;

async function startHub(ssh: readonly object[]): Promise<void> {
  const policyFile = join(directory, 'policy.hujson');
  const tagOwners = { 'tag:desk': [], 'tag:server': [] };
  writeFileSync(policyFile, JSON.stringify({ tagOwners, ssh }));
  hub = await runHub({
    ...{ crypto, random, clock: systemClock, log: silentLogger, stateDir: directory, policyFile },
    ...{ listenHost: '127.0.0.1', port: 0, stunPort: undefined, hostName: '127.0.0.1' },
    ...{ regionId: 900, regionCode: 'home', regionName: 'Home' },
  });
}

const rule = (more: object = {}): object => ({
  ...{ action: 'check', src: ['tag:desk'], dst: ['tag:server'], users: ['ann', 'root'] },
  ...more,
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-ssh-'));
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await hub.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

class Machine {
  readonly #key: MachinePrivateKey = generatePrivateKey('machine', random);
  #session: ClientHttp2Session | undefined;
  id = 0;

  /** A machine with a tag, or of a user. */
  static async joined(tagOrUser: string): Promise<Machine> {
    const machine = new Machine();
    const owner = tagOrUser.startsWith('tag:') ? { tags: [tagOrUser] } : { user: tagOrUser };
    const { key } = await hub.admin.createAuthKey(owner);
    const nodeKey = publicKeyOf(crypto, 'node', generatePrivateKey('node', random));
    const body = {
      Version: 130,
      NodeKey: formatPublicKey('node', nodeKey),
      Auth: { AuthKey: key },
    };
    expect((await machine.ask('POST', '/machine/register', body)).json['Error']).toBe('');
    const text = formatPublicKey('node', nodeKey);
    machine.id = hub.admin.listNodes().find((node) => node.nodeKey === text)?.id ?? 0;
    return machine;
  }

  async ask(method: string, path: string, body?: object): Promise<Answer> {
    this.#session ??= await openControlSession({
      ...{ url: new URL(hub.url), pins: hub.pins, crypto, random, machinePrivateKey: this.#key },
      signal: new AbortController().signal,
    });
    this.#session.on('error', () => undefined);
    sessions.push(this.#session);
    const stream = this.#session.request({ ':method': method, ':path': path });
    return new Promise((resolve, reject) => {
      let status = 0;
      let text = '';
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (part: Buffer) => {
        text += part.toString();
      });
      stream.on('error', reject);
      stream.on('close', () =>
        resolve({ status, json: status === 200 ? (JSON.parse(text) as Answer['json']) : {} }),
      );
      stream.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** What it may do with a session from `source`, by the rule's URL or by that of the last answer. */
  action(source: Machine, user: string, last?: Answer): Promise<Answer> {
    const first = `https://unused/machine/ssh/action/${source.id}/to/${this.id}?local_user=${user}`;
    const given = last?.json['holdAndDelegate'] ?? first;
    const url = new URL(
      String(given)
        .replace('$SRC_NODE_ID', String(source.id))
        .replace('$DST_NODE_ID', String(this.id))
        .replace('$LOCAL_USER', user),
    );
    return this.ask('GET', url.pathname + url.search);
  }
}

async function twoMachines(): Promise<[Machine, Machine]> {
  return [await Machine.joined('tag:desk'), await Machine.joined('tag:server')];
}

test('a session waits for a yes, which holds for its period and its login name', async () => {
  await startHub([rule()]);
  const [desk, server] = await twoMachines();
  const held = await server.action(desk, 'ann');
  const [waiting] = hub.admin.sshChecks.list();
  expect(waiting).toMatchObject({ source: 'node.warren.internal', localUser: 'ann' });
  expect(held.json['message']).toContain(`ssh-checks approve ${waiting?.id}`);
  const decided = server.action(desk, 'ann', held);
  await expect.poll(() => hub.admin.sshChecks.list().length).toBe(1);
  hub.admin.sshChecks.decide(waiting?.id ?? '', true);
  expect((await decided).json).toMatchObject({ accept: true });
  expect((await server.action(desk, 'ann')).json).toMatchObject({ accept: true });
  expect((await server.action(desk, 'root')).json).toHaveProperty('holdAndDelegate');
});

test('a session that an operator turns away is over', async () => {
  await startHub([rule()]);
  const [desk, server] = await twoMachines();
  const held = await server.action(desk, 'ann');
  const decided = server.action(desk, 'ann', held);
  // The question is there before the answer.
  await server.action(desk, 'root');
  hub.admin.sshChecks.decide(hub.admin.sshChecks.list()[0]?.id ?? '', false);
  expect((await decided).json).toMatchObject({ reject: true });
});

test('"always" asks for each session', async () => {
  await startHub([rule({ checkPeriod: 'always' })]);
  const [desk, server] = await twoMachines();
  const held = await server.action(desk, 'ann');
  const decided = server.action(desk, 'ann', held);
  await server.action(desk, 'root');
  hub.admin.sshChecks.decide(hub.admin.sshChecks.list()[0]?.id ?? '', true);
  expect((await decided).json).toMatchObject({ accept: true });
  expect((await server.action(desk, 'ann')).json).toHaveProperty('holdAndDelegate');
});

test('only the target asks, for pairs and names that a rule has, with ids of its own sessions', async () => {
  await startHub([rule()]);
  const [desk, server] = await twoMachines();
  const other = await Machine.joined('tag:server');
  const path = `/machine/ssh/action/${desk.id}/to/${server.id}?local_user=ann`;
  expect((await desk.ask('GET', path)).status).toBe(401);
  expect((await other.ask('GET', path)).status).toBe(401);
  expect((await server.ask('POST', path)).status).toBe(404);
  expect((await server.action(desk, 'bob')).json).toMatchObject({ reject: true });
  expect((await server.action(other, 'ann')).json).toMatchObject({ reject: true });
  expect((await server.action(desk, '')).json).toMatchObject({ reject: true });
  await server.action(desk, 'ann');
  const id = hub.admin.sshChecks.list()[0]?.id ?? '';
  const stolen = `/machine/ssh/action/${desk.id}/to/${other.id}?local_user=ann&auth_id=${id}`;
  expect((await other.ask('GET', stolen)).json).toMatchObject({ reject: true });
  const renamed = path.replace('=ann', '=root');
  expect((await server.ask('GET', `${renamed}&auth_id=${id}`)).json).toMatchObject({
    reject: true,
  });
  expect(hub.admin.sshChecks.list()).toHaveLength(1);
});

interface Page {
  readonly status: number;
  readonly text: string;
}

/** One request of a browser that has a cookie or gets one. */
async function browse(
  url: string,
  cookie: string | undefined,
  form?: object,
): Promise<Page & { readonly cookie: string }> {
  const body = form && new URLSearchParams(form as Record<string, string>).toString();
  const headers = {
    ...(cookie === undefined ? {} : { cookie }),
    ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    origin: hub.url,
  };
  const method = body === undefined ? 'GET' : 'POST';
  const request = httpsRequest(url, { method, headers, rejectUnauthorized: false, agent: false });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part as string;
  const set = response.headers['set-cookie']?.[0]?.split(';', 1)[0];
  return { status: response.statusCode ?? 0, text, cookie: set ?? cookie ?? '' };
}

/** Fills in the page of a session. */
async function approve(url: string, code: string, mine = 'yes'): Promise<Page> {
  const { text, cookie } = await browse(url, undefined);
  const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
  return browse(url, cookie, { token, mine, code });
}

const pageOf = (held: Answer): string =>
  /https:\/\/\S+\/ssh-check\/[a-z0-9]{26}(?=\s)/.exec(String(held.json['message']))?.[0] ?? '';

test('on the page, with a code of the user whose machine asks, the session begins', async () => {
  await startHub([rule({ src: ['ann@'] })]);
  const [desk, server] = [await Machine.joined('ann'), await Machine.joined('tag:server')];
  const held = await server.action(desk, 'root');
  const url = pageOf(held);
  expect(url).toMatch(new RegExp(`^${hub.url}/ssh-check/`));
  const shown = await browse(url, undefined);
  expect(shown.status).toBe(200);
  for (const text of ['node.warren.internal', 'ann@warren.internal', '<dd>root</dd>']) {
    expect(shown.text).toContain(text);
  }
  const { code } = await hub.admin.logins.createCode({ user: 'ann' });
  // What a form lacks costs no code and lets nobody in.
  expect((await approve(url, code, 'no')).status).toBe(400);
  expect((await browse(url, undefined, { mine: 'yes', code, token: 'x' })).status).toBe(403);
  expect(hub.admin.sshChecks.list()).toHaveLength(1);
  const decided = server.action(desk, 'root', held);
  expect(await approve(url, code)).toMatchObject({ status: 200 });
  expect((await decided).json).toMatchObject({ accept: true });
  expect((await browse(url, undefined)).status).toBe(404);
  expect(hub.admin.audit.list(9)).toEqual(
    expect.arrayContaining([expect.objectContaining({ action: 'approveSshCheck', outcome: 'ok' })]),
  );
  // Spent, it opens nothing more.
  const again = await server.action(desk, 'ann');
  expect((await approve(pageOf(again), code)).status).toBe(403);
});

test('another user’s code, a wrong one, and any code for a machine with tags let nobody in', async () => {
  await startHub([rule({ src: ['ann@', 'tag:desk'] })]);
  const [desk, server] = [await Machine.joined('ann'), await Machine.joined('tag:server')];
  const url = pageOf(await server.action(desk, 'root'));
  const bobs = (await hub.admin.logins.createCode({ user: 'bob', reusable: true })).code;
  const refused = await approve(url, bobs);
  expect([refused.status, refused.text.includes('another user')]).toEqual([409, true]);
  expect((await approve(url, 'aaaa-aaaa-aaaa-aaaa-aaaa-aaaa')).status).toBe(403);
  const tagged = await Machine.joined('tag:desk');
  const other = pageOf(await server.action(tagged, 'root'));
  expect((await approve(other, bobs)).status).toBe(409);
  expect(hub.admin.sshChecks.list()).toHaveLength(2);
  expect((await browse(`${hub.url}/ssh-check/${'a'.repeat(26)}`, undefined)).status).toBe(404);
});

test('codes are tried slowly by one source', async () => {
  await startHub([rule({ src: ['ann@'] })]);
  const [desk, server] = [await Machine.joined('ann'), await Machine.joined('tag:server')];
  const held = await server.action(desk, 'root');
  const url = pageOf(held);
  const decided = server.action(desk, 'root', held);
  // One source may try ten at once.
  const statuses = [];
  for (let i = 0; i < 12; i++) {
    statuses.push((await approve(url, 'aaaa-aaaa-aaaa-aaaa-aaaa-aaaa')).status);
  }
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(403));
  expect(statuses.at(-1)).toBe(429);
  hub.admin.sshChecks.decide(hub.admin.sshChecks.list()[0]?.id ?? '', false);
  expect((await decided).json).toMatchObject({ reject: true });
});

test('a rule that accepts needs nobody, and a policy with checks is no matter for a warning', async () => {
  await startHub([rule({ action: 'accept' }), rule({ action: 'check' })]);
  const [desk, server] = await twoMachines();
  expect((await server.action(desk, 'ann')).json).toMatchObject({ accept: true });
  expect(hub.admin.policy().warnings.filter((text) => text.includes('check'))).toEqual([]);
});
