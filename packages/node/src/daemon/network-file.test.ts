import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant, wallTime } from '@warren/core/base/instant';
import type { IpAddress } from '@warren/core/ip/address';
import { maxRememberedNetworks } from '@warren/core/path-engine/network-memory';
import type { Clock } from '@warren/shell/clock';
import { createLogger } from '@warren/shell/log';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NetworkFile } from './network-file.js';
import { parseNetworks } from './network-records.js';

const start = Date.UTC(2026, 0, 2);
let dir = '';
let wallMs = start;
/** Of the process: its clock begins with it. */
let processStart = start;
let lines: string[] = [];

const clock: Clock = { now: () => instant(wallMs - processStart), wall: () => wallTime(wallMs) };
const log = createLogger({ level: 'warn', sink: { write: (text) => lines.push(text) } });
const file = () => join(dir, 'networks.json');

function opened(): NetworkFile {
  processStart = wallMs;
  return new NetworkFile(dir, clock, log);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-networks-'));
  wallMs = start;
  lines = [];
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const address = '203.0.113.9' as IpAddress;

test('networks outlive the process, and how long ago things were', () => {
  const first = opened();
  wallMs += 10_000;
  first.keep([
    {
      address,
      notedAt: instant(9_000),
      lifetime: { lifetimeMs: 120_000, measuredAt: instant(4_000) },
      hardNat: {
        method: 'predict',
        ttl: undefined,
        portRange: { low: 1024, high: 1535 },
        failures: 2,
        lastAt: instant(9_000),
      },
    },
    { address: '203.0.113.10' as IpAddress, notedAt: instant(10_000) },
  ]);
  first.close();
  wallMs += 60_000;
  expect(opened().networks).toEqual([
    {
      address,
      notedAt: -61_000,
      lifetime: { lifetimeMs: 120_000, measuredAt: -66_000 },
      hardNat: {
        method: 'predict',
        ttl: undefined,
        portRange: { low: 1024, high: 1535 },
        failures: 2,
        lastAt: -61_000,
      },
    },
    { address: '203.0.113.10', notedAt: -60_000 },
  ]);
  expect(lines).toEqual([]);
});

test('a first start remembers nothing and writes nothing', () => {
  const first = opened();
  expect(first.networks).toEqual([]);
  first.close();
  expect(readdirSync(dir)).toEqual([]);
});

test('times of a clock that was set back are now', () => {
  const first = opened();
  first.keep([{ address, notedAt: clock.now() }]);
  first.close();
  wallMs -= 3_600_000;
  expect(opened().networks).toEqual([{ address, notedAt: 0 }]);
});

test.each([
  ['no JSON', '{"networks":['],
  ['no list', '{"networks":{}}'],
  ['no address', '{"networks":[{"address":"home","notedAt":1}]}'],
  ['an address of IPv6', '{"networks":[{"address":"2001:db8::1","notedAt":1}]}'],
  ['no time', '{"networks":[{"address":"203.0.113.9","notedAt":-1}]}'],
  [
    'a lifetime of no length',
    '{"networks":[{"address":"203.0.113.9","notedAt":1,"lifetime":{"ms":0,"measuredAt":1}}]}',
  ],
  [
    "a method that there isn't",
    '{"networks":[{"address":"203.0.113.9","notedAt":1,"hardNat":{"method":"force","ttl":null,"ports":null,"failures":0,"lastAt":1}}]}',
  ],
  [
    'ports the wrong way round',
    '{"networks":[{"address":"203.0.113.9","notedAt":1,"hardNat":{"method":null,"ttl":null,"ports":[9,8],"failures":0,"lastAt":1}}]}',
  ],
  [
    'a hop count of nothing',
    '{"networks":[{"address":"203.0.113.9","notedAt":1,"hardNat":{"method":null,"ttl":0,"ports":null,"failures":0,"lastAt":1}}]}',
  ],
])('a file with %s is kept aside, and the log says so', (_what, text) => {
  writeFileSync(file(), text);
  expect(opened().networks).toEqual([]);
  expect(readdirSync(dir).filter((name) => name !== 'networks.json')).toHaveLength(1);
  expect(lines.join('')).toContain('networks are learnt anew');
});

test('of a file with thousands the latest few are taken', () => {
  const networks = Array.from({ length: 5_000 }, (_, index) => ({
    address: `10.1.${index >> 8}.${index & 255}`,
    notedAt: start,
  }));
  writeFileSync(file(), JSON.stringify({ networks }));
  expect(opened().networks).toHaveLength(maxRememberedNetworks);
  expect(opened().networks.at(-1)?.address).toBe('10.1.19.135');
});

test('whatever the file holds is either understood or refused', () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (entry, part) => {
      const text = `{"networks":[${entry},{"address":"203.0.113.9","notedAt":1,"hardNat":${part}}]}`;
      const parsed = parseNetworks(text, clock);
      expect(parsed === undefined || parsed.length === 2).toBe(true);
    }),
  );
});

test('changes are written together, at the end at the latest', () => {
  const networks = opened();
  networks.keep([{ address, notedAt: instant(0) }]);
  networks.keep([{ address, notedAt: instant(5) }]);
  expect(readdirSync(dir)).toEqual([]);
  networks.close();
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
    networks: [{ address, notedAt: start + 5 }],
  });
});

test('a directory that takes no file costs a line in the log', () => {
  const networks = opened();
  networks.keep([{ address, notedAt: instant(0) }]);
  rmSync(dir, { recursive: true });
  writeFileSync(dir, '');
  networks.close();
  expect(lines.join('')).toContain('what was learnt of networks is not kept');
});
