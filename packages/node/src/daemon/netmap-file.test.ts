import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Counters } from '@warren/core/base/counters';
import { isFailure } from '@warren/core/base/failure';
import { instant, wallTime } from '@warren/core/base/instant';
import { formatPublicKey, generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { applyMapResponse } from '@warren/core/netmap/apply';
import { decodeMapResponse } from '@warren/core/netmap/decode';
import type { Netmap } from '@warren/core/netmap/types';
import type { Clock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NetmapFile } from './netmap-file.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const SERVER = 'https://hub.example';
const START = Date.UTC(2026, 0, 2);
const nodeKey = generatePrivateKey('node', random);
const discoPrivateKey = generatePrivateKey('disco', random);

let stateDir = '';
let wallMs = START;
let lines: string[] = [];

const clock: Clock = { now: () => instant(0), wall: () => wallTime(wallMs) };
const log = createLogger({ level: 'warn', sink: { write: (text) => lines.push(text) } });
const path = (): string => join(stateDir, 'netmap.json');
const opened = (): NetmapFile => new NetmapFile({ stateDir, crypto, clock, log });

function netmap(self: object = {}): Netmap {
  const counters = new Counters();
  const selfKey = publicKeyOf(crypto, 'node', nodeKey);
  const Addresses = ['100.64.0.9/32'];
  const Node = {
    ...{ ID: 9, Key: formatPublicKey('node', selfKey), Addresses, MachineAuthorized: true },
    ...self,
  };
  const peer = { ID: 1, Key: `nodekey:${'1'.repeat(64)}`, Addresses: ['100.64.0.1/32'] };
  const expiring = {
    ...{ ID: 2, Key: `nodekey:${'2'.repeat(64)}`, Addresses: ['100.64.0.2/32'] },
    KeyExpiry: '2026-01-03T00:00:00Z',
  };
  const response = decodeMapResponse({ Node, Peers: [peer, expiring] }, counters);
  if (isFailure(response)) throw new Error(response.reason);
  const options = { selfKey, acceptRoutes: true, serverTime: undefined, counters };
  const made = applyMapResponse(undefined, response, options);
  if (isFailure(made)) throw new Error(made.reason);
  return made;
}

/** What a run leaves that was told this. */
function leave(told: Netmap): void {
  const file = opened();
  file.keep({ server: SERVER, netmap: told, discoPrivateKey });
  file.close();
}

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'warren-netmap-'));
  wallMs = START;
  lines = [];
});
afterEach(() => {
  rmSync(stateDir, { recursive: true });
});

test('the next run has the network, the key that peers know, and when that was', () => {
  const told = netmap();
  leave(told);
  wallMs += 3_600_000;
  const kept = opened().load(SERVER, nodeKey);
  expect(kept).toEqual({ server: SERVER, netmap: told, discoPrivateKey, at: START });
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test('nothing was kept: nothing is there, and nobody is warned', () => {
  expect(opened().load(SERVER, nodeKey)).toBeUndefined();
  opened().close();
  expect([existsSync(path()), lines]).toEqual([false, []]);
});

test('another server’s network, or that of another node key, is not used', () => {
  leave(netmap());
  const file = opened();
  expect(file.load('https://other.example', nodeKey)).toBeUndefined();
  expect(file.load(SERVER, generatePrivateKey('node', random))).toBeUndefined();
  expect(file.load(SERVER, nodeKey)).toBeDefined();
});

test('keys that expired meanwhile are marked, and with our own there is no network', () => {
  leave(netmap());
  wallMs += 2 * 24 * 3_600_000;
  const { peers } = opened().load(SERVER, nodeKey)?.netmap ?? {};
  expect([...(peers?.values() ?? [])].map(({ id, expired }) => [id, expired])).toEqual([
    [1, false],
    [2, true],
  ]);
  leave(netmap({ KeyExpiry: '2026-01-10T00:00:00Z' }));
  expect(opened().load(SERVER, nodeKey)).toBeDefined();
  wallMs += 7 * 24 * 3_600_000;
  expect(opened().load(SERVER, nodeKey)).toBeUndefined();
});

test('a machine that is no member any more leaves nothing', () => {
  const file = opened();
  leave(netmap());
  file.keep({ server: SERVER, netmap: netmap(), discoPrivateKey });
  file.forget();
  file.close();
  expect(readdirSync(stateDir)).toEqual([]);
});

test('a damaged file is kept aside', () => {
  leave(netmap());
  const text = readFileSync(path(), 'utf8');
  const damages = ['', text.slice(0, -1), text.replace('"version":1', '"version":2'), '[]', 'null'];
  for (const damaged of [...damages, text.replace('"Node"', '"Nodes"')]) {
    writeFileSync(path(), damaged);
    expect(opened().load(SERVER, nodeKey)).toBeUndefined();
    expect(existsSync(path())).toBe(false);
  }
});

test('a directory that can’t be written is told in the log', () => {
  stateDir = join(stateDir, 'gone');
  leave(netmap());
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('is not kept');
  stateDir = join(stateDir, '..');
});
