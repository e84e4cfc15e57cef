/** Logins that a person approves, from the machine's request to its first map, on a hub on loopback. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { keyFingerprint } from '@warren/core/keys/fingerprint';
import {
  formatPublicKey,
  generatePrivateKey,
  type MachinePrivateKey,
  type NodeKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import { openControlSession } from '@warren/node/control/control-connection';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningHub, runHub } from './run-hub.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

let directory: string;
let hub: RunningHub;
const sessions: ClientHttp2Session[] = [];

async function startHub(): Promise<void> {
  hub = await runHub({
    ...{ crypto, random, clock: systemClock, log: silentLogger, stateDir: directory },
    ...{ listenHost: '127.0.0.1', port: 0, stunPort: undefined, hostName: '127.0.0.1' },
    ...{ regionId: 900, regionCode: 'home', regionName: 'Home' },
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-login-'));
  await startHub();
});

afterEach(async () => {
  for (const one of sessions.splice(0)) one.destroy();
  await hub.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly json: Record<string, unknown>;
}

/** A machine without an auth key. */
class Machine {
  readonly #machineKey: MachinePrivateKey = generatePrivateKey('machine', random);
  nodeKey: NodeKey = publicKeyOf(crypto, 'node', generatePrivateKey('node', random));
  session: ClientHttp2Session | undefined;

  async connect(): Promise<ClientHttp2Session> {
    const made = await openControlSession({
      ...{ url: new URL(hub.url), pins: hub.pins, crypto, random },
      machinePrivateKey: this.#machineKey,
      signal: new AbortController().signal,
    });
    made.on('error', () => undefined);
    sessions.push(made);
    return made;
  }

  async register(fields: object = {}): Promise<Answer> {
    this.session ??= await this.connect();
    const stream = this.session.request({ ':method': 'POST', ':path': '/machine/register' });
    stream.end(
      JSON.stringify({
        Version: 138,
        NodeKey: formatPublicKey('node', this.nodeKey),
        Hostinfo: { Hostname: 'desk', OS: 'linux' },
        ...fields,
      }),
    );
    return new Promise((resolve, reject) => {
      let status = 0;
      let retryAfter: string | undefined;
      let body = '';
      stream.setEncoding('utf8');
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
        retryAfter = headers['retry-after'];
      });
      stream.on('data', (part: string) => {
        body += part;
      });
      stream.on('error', reject);
      stream.on('close', () => {
        const json = (body.startsWith('{') ? JSON.parse(body) : {}) as Record<string, unknown>;
        resolve({ status, retryAfter, json });
      });
    });
  }

  /** The address that a person has to open. */
  async ask(fields: object = {}): Promise<string> {
    const { json } = await this.register(fields);
    const url = json['AuthURL'];
    if (typeof url !== 'string' || url === '') throw new Error(JSON.stringify(json));
    return url;
  }
}

interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A browser without JavaScript, which is all that the page needs. */
class Browser {
  cookie: string | undefined;

  open(
    url: string,
    options: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<Page> {
    const headers = {
      ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
      ...(options.body === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', origin: hub.url }),
      ...options.headers,
    };
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        url,
        { method: options.method ?? 'GET', rejectUnauthorized: false, headers, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => {
            const [set] = response.headers['set-cookie'] ?? [];
            if (set !== undefined) this.cookie = set.split(';', 1)[0];
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        },
      );
      request.on('error', reject);
      request.end(options.body);
    });
  }

  async tokenOf(url: string): Promise<string> {
    const { text } = await this.open(url);
    return /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
  }

  /** Fills in the form and sends it. */
  async approve(url: string, code: string, fields: Record<string, string> = {}): Promise<Page> {
    const token = await this.tokenOf(url);
    return this.post(url, { token, mine: 'yes', code, ...fields });
  }

  post(url: string, fields: Record<string, string>): Promise<Page> {
    return this.open(url, { method: 'POST', body: new URLSearchParams(fields).toString() });
  }
}

const createCode = async (): Promise<string> =>
  (await hub.admin.logins.createCode({ user: 'ann' })).code;

describe('a login that a person approves', () => {
  test('on the page: the machine waits, and is in when the form was sent', async () => {
    const machine = new Machine();
    const url = await machine.ask();
    expect(url).toMatch(new RegExp(`^${hub.url}/register/[a-z0-9]{26}$`));
    const waiting = machine.register({ Followup: url });
    const browser = new Browser();
    const form = await browser.open(url);
    expect(form.status).toBe(200);
    for (const text of ['desk', 'linux', keyFingerprint(machine.nodeKey), '127.0.0.1']) {
      expect(form.text).toContain(text);
    }
    expect(form.text).not.toMatch(/<script|javascript:|src=/i);
    const done = await browser.approve(url, await createCode());
    expect(done).toMatchObject({ status: 200 });
    expect(done.text).toContain('desk.warren.internal');
    expect((await waiting).json).toMatchObject({
      AuthURL: '',
      Error: '',
      MachineAuthorized: true,
      Login: { LoginName: 'ann@warren.internal' },
    });
    expect(hub.admin.listNodes()).toMatchObject([{ name: 'desk.warren.internal' }]);
    // The address is good once.
    expect((await browser.open(url)).status).toBe(404);
    expect((await machine.register({ Followup: url })).json).toMatchObject({
      AuthURL: '',
      Error: '',
    });
  });

  test('by the operator, and turned away by him', async () => {
    const [first, second] = [new Machine(), new Machine()];
    const urls = [await first.ask(), await second.ask()];
    const listed = hub.admin.logins.list();
    expect(listed).toMatchObject([
      { url: urls[0], hostName: 'desk', fingerprint: keyFingerprint(first.nodeKey) },
      { url: urls[1] },
    ]);
    const waiting = [first.register({ Followup: urls[0] }), second.register({ Followup: urls[1] })];
    await hub.admin.approveLogin(listed[0]?.id ?? '', 'bob');
    hub.admin.logins.reject(listed[1]?.id ?? '');
    const [one, two] = await Promise.all(waiting);
    expect(one?.json).toMatchObject({ Error: '', Login: { LoginName: 'bob@warren.internal' } });
    expect(two).toMatchObject({ status: 200, json: { Error: /rejected/ as unknown as string } });
    // It hears so for as long as it asks; a new login is another matter.
    expect((await second.register({ Followup: urls[1] })).json['Error']).toMatch(/rejected/);
    expect(await second.ask()).not.toBe(urls[1]);
    await expect(hub.admin.approveLogin(listed[1]?.id ?? '', 'bob')).rejects.toMatchObject({
      code: 'LOGIN_UNKNOWN',
    });
  });

  test('a repeated request, also after the connection broke, waits for the same person', async () => {
    const machine = new Machine();
    const url = await machine.ask();
    expect(await machine.ask()).toBe(url);
    const cut = machine.register({ Followup: url }).catch(() => undefined);
    machine.session?.destroy();
    await cut;
    machine.session = undefined;
    const waiting = machine.register({ Followup: url });
    await hub.admin.approveLogin(url.split('/').at(-1) ?? '', undefined);
    expect((await waiting).json).toMatchObject({ Error: '', AuthURL: '' });
    expect(hub.admin.listNodes()).toHaveLength(1);
  });

  test('a machine that was let in while it was away is in when it comes back', async () => {
    const machine = new Machine();
    const url = await machine.ask();
    machine.session?.destroy();
    machine.session = undefined;
    await hub.admin.approveLogin(url.split('/').at(-1) ?? '', undefined);
    expect((await machine.register({ Followup: url })).json).toMatchObject({
      Error: '',
      AuthURL: '',
    });
  });

  test('after a restart of the hub a machine that follows up gets a fresh address', async () => {
    const machine = new Machine();
    const url = await machine.ask();
    await hub.close();
    machine.session = undefined;
    await startHub();
    const fresh = await machine.ask({ Followup: url });
    expect(fresh.split('/').at(-1)).not.toBe(url.split('/').at(-1));
  });

  test('a new node key of a member keeps its node, once a person has said yes', async () => {
    const machine = new Machine();
    const { key } = await hub.admin.createAuthKey({ user: 'ann' });
    await machine.register({ Auth: { AuthKey: key } });
    const [before] = hub.admin.listNodes();
    const oldKey = machine.nodeKey;
    machine.nodeKey = publicKeyOf(crypto, 'node', generatePrivateKey('node', random));
    const url = await machine.ask({ OldNodeKey: formatPublicKey('node', oldKey) });
    expect(hub.admin.listNodes()[0]?.nodeKey).toBe(formatPublicKey('node', oldKey));
    await new Browser().approve(url, await createCode());
    expect(hub.admin.listNodes()).toMatchObject([
      {
        id: before?.id,
        addresses: before?.addresses,
        nodeKey: formatPublicKey('node', machine.nodeKey),
      },
    ]);
  });
});

describe('what is refused:', () => {
  test('an address that was guessed, or belongs to another machine, is of no use', async () => {
    const [machine, thief] = [new Machine(), new Machine()];
    const url = await machine.ask();
    const guessed = `${hub.url}/register/${'a'.repeat(26)}`;
    for (const claimed of [url, guessed]) {
      const { json } = await thief.register({ Followup: claimed });
      expect(json['AuthURL']).not.toBe(url);
      expect(json['AuthURL']).toMatch(/\/register\/[a-z0-9]{26}$/);
    }
    // Nor with the victim's node key, which it may have seen.
    thief.nodeKey = machine.nodeKey;
    expect(await thief.ask({ Followup: url })).not.toBe(url);
    expect((await new Browser().open(guessed)).status).toBe(404);
    await hub.admin.approveLogin(url.split('/').at(-1) ?? '', 'ann');
    expect((await thief.register({ Followup: url })).status).toBe(401);
    expect((await machine.register({ Followup: url })).json['Error']).toBe('');
  });

  test('an address is made of what the hub is, whatever a request calls it', async () => {
    const machine = new Machine();
    const session = await machine.connect();
    const register = session.request({
      ...{ ':method': 'POST', ':path': '/machine/register', ':authority': 'evil.example' },
      ...{ 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    });
    register.end(
      JSON.stringify({ Version: 138, NodeKey: formatPublicKey('node', machine.nodeKey) }),
    );
    let text = '';
    for await (const part of register.setEncoding('utf8')) text += part as string;
    const { AuthURL } = JSON.parse(text) as { readonly AuthURL: string };
    expect(AuthURL).toMatch(new RegExp(`^${hub.url}/register/[a-z0-9]{26}$`));
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    const page = await new Browser().open(AuthURL, { headers });
    expect(page.status).toBe(200);
    expect(JSON.stringify([page.headers, page.text])).not.toContain('evil.example');
  });

  test('a form that another site sends, or that nobody was shown', async () => {
    const url = await new Machine().ask();
    const code = await createCode();
    const browser = new Browser();
    const token = await browser.tokenOf(url);
    const fields = { token, mine: 'yes', code };
    const body = new URLSearchParams(fields).toString();
    const send = (headers: Record<string, string>, from = browser): Promise<Page> =>
      from.open(url, { method: 'POST', body, headers });
    expect((await send({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await send({ origin: 'null' })).status).toBe(403);
    expect((await send({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await send({}, new Browser())).status).toBe(403);
    // A token of another login, or of another browser's cookie.
    const other = await browser.tokenOf(await new Machine().ask());
    expect((await browser.post(url, { ...fields, token: other })).status).toBe(403);
    const stranger = new Browser();
    await stranger.open(url);
    expect((await stranger.post(url, fields)).status).toBe(403);
    expect((await browser.post(url, { ...fields, mine: '' })).status).toBe(400);
    expect(hub.admin.listNodes()).toEqual([]);
    expect((await browser.post(url, fields)).status).toBe(200);
    expect((await browser.post(url, fields)).status).toBe(404);
  });

  test('reading the page changes nothing, whatever the address says', async () => {
    const url = await new Machine().ask();
    const code = await createCode();
    const browser = new Browser();
    const token = await browser.tokenOf(url);
    const query = new URLSearchParams({ token, mine: 'yes', code }).toString();
    await browser.open(`${url}?${query}`);
    await browser.open(url, { method: 'HEAD' });
    expect(hub.admin.listNodes()).toEqual([]);
    expect((await browser.open(url, { method: 'DELETE' })).status).toBe(405);
  });

  test('the page is nobody’s frame, runs nothing and is kept nowhere', async () => {
    const { headers } = await new Browser().open(await new Machine().ask());
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; /);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self'");
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
    });
    const [cookie] = headers['set-cookie'] as string[];
    expect(cookie).toMatch(/^__Host-warren-login=.+; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
  });

  test('what a machine calls itself is text, never markup', async () => {
    const Hostinfo = { Hostname: '<script>alert(1)</script>"\'&', OS: '<b>x</b>' };
    const { text } = await new Browser().open(await new Machine().ask({ Hostinfo }));
    expect(text).not.toContain('<script');
    expect(text).not.toContain('<b>');
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;');
  });

  test('bodies that are too large or no forms', async () => {
    const url = await new Machine().ask();
    const browser = new Browser();
    expect((await browser.open(url, { method: 'POST', body: 'x'.repeat(5000) })).status).toBe(413);
    const headers = { 'content-type': 'application/json' };
    expect((await browser.open(url, { method: 'POST', body: '{}', headers })).status).toBe(415);
  });

  test('more than a few wrong codes of one source: 429, and the right one waits too', async () => {
    const url = await new Machine().ask();
    const code = await createCode();
    const browser = new Browser();
    const wrong = `${code.slice(0, -4)}2222`;
    const statuses: number[] = [];
    for (let guess = 0; guess < 12; guess++)
      statuses.push((await browser.approve(url, wrong)).status);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 403));
    const late = await browser.approve(url, code);
    expect(late.status).toBe(429);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(hub.admin.listNodes()).toEqual([]);
  });

  test('machine after machine of one source: 429 with Retry-After, and no more than so many wait', async () => {
    const answers: Answer[] = [];
    for (let count = 0; count < 40; count++) answers.push(await new Machine().register());
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { retryAfter } of refused) expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(hub.admin.logins.list().length).toBeLessThanOrEqual(32);
    expect(hub.stats().control.pendingLogins).toBe(hub.admin.logins.list().length);
  });

  test('a machine that begins login after login loses the oldest, whose request is told to come back', async () => {
    const machine = new Machine();
    const first = await machine.ask();
    const key = machine.nodeKey;
    const waiting = machine.register({ Followup: first });
    for (let count = 0; count < 4; count++) {
      machine.nodeKey = publicKeyOf(crypto, 'node', generatePrivateKey('node', random));
      await machine.ask();
    }
    const { status, retryAfter } = await waiting;
    expect(status).toBe(429);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    machine.nodeKey = key;
    expect(await machine.ask({ Followup: first })).not.toBe(first);
  });

  test('auth keys tried one after the other: 429 with Retry-After', async () => {
    const machine = new Machine();
    let answer = await machine.register({ Auth: { AuthKey: 'wkey-auth-none' } });
    expect(answer).toMatchObject({ status: 200, json: { Error: 'invalid auth key' } });
    for (let guess = 0; guess < 200 && answer.status === 200; guess++) {
      answer = await machine.register({ Auth: { AuthKey: `wkey-auth-${guess}` } });
    }
    expect(answer.status).toBe(429);
    expect(Number(answer.retryAfter)).toBeGreaterThan(0);
  });

  test('no codes as auth keys, no auth keys as codes', async () => {
    const machine = new Machine();
    const url = await machine.ask();
    const { key } = await hub.admin.createAuthKey();
    expect((await new Browser().approve(url, key)).status).toBe(403);
    const { json } = await machine.register({ Auth: { AuthKey: await createCode() } });
    expect(json['Error']).toBe('invalid auth key');
  });
});

test('what makes no URL is answered like anything unknown', async () => {
  const { port } = hub;
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.write('GET // HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n');
    });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
});
