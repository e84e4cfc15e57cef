/**
 * A hub that is killed (SIGKILL) in the middle of registrations and writes by its operator, again and again: who
 * was told that a thing is done finds it done after the next start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HubPins, parseAuthKey } from '@warren/core/control/auth-key';
import { formatPublicKey, generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { openControlSession } from '@warren/node/control/control-connection';
import type { AuthKeyInfo, NodeInfo } from '@warren/servers/control/admin-types';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AdminClient } from '../admin-client.js';
import { AdminTransport } from '../admin-transport.js';
import { MAIN_SCRIPT } from '../testing/run-cli.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

/** Answers that the hub gave, over all of its lives. */
const WRITES = 1000;
const LIVES = 5;
/** Machines that register at a time; each has a connection of its own. */
const MACHINES_AT_ONCE = 4;
const OPERATORS_AT_ONCE = 6;

let directory: string;
let adminSocket: string;
let hub: ChildProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-kill-'));
  adminSocket = join(directory, 'hub.sock');
});

afterEach(async () => {
  await kill();
  rmSync(directory, { recursive: true });
});

interface Ready {
  readonly url: string;
  readonly authKey: string | null;
}

function startHub(port: number): Promise<Ready> {
  const child = spawn(
    process.execPath,
    [
      ...[MAIN_SCRIPT, 'hub', '--listen', `127.0.0.1:${port}`, '--no-stun', '--json'],
      ...['--state-dir', join(directory, 'state'), '--admin-socket', adminSocket],
      ...['--log-level', 'error'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] ?? '' } },
  );
  hub = child;
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (part: string) => {
      out += part;
      if (out.includes('\n')) resolve((JSON.parse(out) as { readonly ready: Ready }).ready);
    });
    child.on('close', () => reject(new Error('the hub ended before it was up')));
  });
}

async function kill(): Promise<void> {
  const child = hub;
  hub = undefined;
  if (child === undefined) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** A fresh machine asks to join; its node key, once control has said yes. */
async function registered(url: string, pins: HubPins, authKey: string): Promise<string> {
  const session = await openControlSession({
    ...{ url: new URL(url), pins, crypto, random },
    machinePrivateKey: generatePrivateKey('machine', random),
    signal: AbortSignal.timeout(20_000),
  });
  session.on('error', () => undefined);
  const nodeKey = formatPublicKey(
    'node',
    publicKeyOf(crypto, 'node', generatePrivateKey('node', random)),
  );
  try {
    const answer = await ask(session, {
      Version: 138,
      NodeKey: nodeKey,
      Auth: { AuthKey: authKey },
    });
    expect(JSON.parse(answer)).toMatchObject({ Error: '', MachineAuthorized: true });
    return nodeKey;
  } finally {
    session.destroy();
  }
}

function ask(session: ClientHttp2Session, body: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/machine/register' });
    let text = '';
    let status = 0;
    stream.setEncoding('utf8');
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('data', (part: string) => {
      text += part;
    });
    stream.on('error', reject);
    stream.on('end', () => {
      if (status === 200) resolve(text);
    });
    stream.on('close', () => reject(new Error('the answer never came')));
    stream.end(JSON.stringify(body));
  });
}

test(`killed ${LIVES} times in ${WRITES} writes, it has done all that it said was done`, async () => {
  const said = { nodes: new Set<string>(), keys: new Set<string>() };
  let ready = await startHub(0);
  const port = Number(new URL(ready.url).port);
  const admin = new AdminClient(new AdminTransport({ adminSocket }, new AbortController().signal));
  const { key } = await admin.createKey({ reusable: true, expiresInMs: 3_600_000 });
  const pins = parseAuthKey(key)?.pins;
  if (pins === undefined) throw new Error('the hub pins its keys');
  const count = (): number => said.nodes.size + said.keys.size;

  for (let life = 1; life <= LIVES; life++) {
    const enough = (WRITES * life) / LIVES;
    let isOver = false;
    const machines = Array.from({ length: MACHINES_AT_ONCE }, async () => {
      while (!isOver) {
        try {
          said.nodes.add(await registered(ready.url, pins, key));
        } catch (error) {
          if (!isOver) throw error;
        }
      }
    });
    const operators = Array.from({ length: OPERATORS_AT_ONCE }, async () => {
      while (!isOver) {
        try {
          said.keys.add((await admin.createKey({})).id);
        } catch (error) {
          if (!isOver) throw error;
        }
      }
    });
    // Somewhere in the middle of whatever they do now.
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (count() < enough) return;
        clearInterval(look);
        resolve();
      }, 1);
    });
    isOver = true;
    await kill();
    await Promise.all([...machines, ...operators]);

    ready = await startHub(port);
    const nodes = new Set((await admin.listNodes()).map(({ nodeKey }: NodeInfo) => nodeKey));
    const keys = new Set((await admin.listKeys()).map(({ id }: AuthKeyInfo) => id));
    expect([...said.nodes].filter((nodeKey) => !nodes.has(nodeKey))).toEqual([]);
    expect([...said.keys].filter((id) => !keys.has(id))).toEqual([]);
  }
  expect(count()).toBeGreaterThanOrEqual(WRITES);
  expect(said.nodes.size).toBeGreaterThan(100);
}, 240_000);
