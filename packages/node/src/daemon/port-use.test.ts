import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant, wallTime } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PortUse } from './port-use.js';

const reachedAt = '203.0.113.9:41641' as Endpoint;
const yes = { target: reachedAt, verified: 'yes', reason: 'arrived', regionId: 1 } as const;

let dir: string;
let wall = 1_000_000;
const clock = { now: () => instant(0), wall: () => wallTime(wall) };
const load = (): PortUse => new PortUse(dir, clock, silentLogger);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-ports-'));
  wall = 1_000_000;
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a first start knows of no use, a later one how long ago it was and what was proven', () => {
  const first = load();
  expect(first.earlierUses()).toEqual([]);
  first.opened(41641);
  first.dialledBack(yes);
  wall += 5_000;
  first.closed();
  wall += 20_000;
  expect(load().earlierUses()).toEqual([{ port: 41641, agoMs: 20_000, reached: [reachedAt] }]);
});

test('a crash leaves the use on disk', () => {
  load().opened(41641);
  wall += 90_000;
  expect(load().earlierUses()).toEqual([{ port: 41641, agoMs: 90_000, reached: [] }]);
});

test('an open port is in use now; one that was not reached is no more proven', () => {
  const use = load();
  use.opened(41641);
  use.dialledBack(yes);
  wall += 500_000;
  expect(use.earlierUses()).toMatchObject([{ agoMs: 0, reached: [reachedAt] }]);
  use.dialledBack({ ...yes, verified: 'no', reason: 'did-not-arrive' });
  expect(use.earlierUses()).toMatchObject([{ reached: [] }]);
  use.closed();
});

test('what is not known changes nothing', () => {
  const use = load();
  use.opened(41641);
  use.dialledBack(yes);
  use.dialledBack({ ...yes, verified: undefined, reason: 'port-used-lately' });
  expect(use.earlierUses()).toMatchObject([{ reached: [reachedAt] }]);
  use.closed();
});

test('a clock that was set back means just now, never a rest', () => {
  const use = load();
  use.opened(41641);
  use.closed();
  wall -= 3_600_000;
  expect(load().earlierUses()).toMatchObject([{ agoMs: 0 }]);
});

test('a few ports are remembered, the latest ones', () => {
  const use = load();
  for (let port = 1; port <= 20; port++) {
    use.opened(port);
    use.closed();
  }
  expect(load().earlierUses()).toHaveLength(8);
  expect(load().earlierUses().at(-1)).toMatchObject({ port: 20 });
});

test('a file that makes no sense is kept aside, and the start goes on', () => {
  writeFileSync(join(dir, 'udp-ports.json'), '{"uses": [{"port": "x"}]}');
  const use = load();
  expect(use.earlierUses()).toEqual([]);
  use.opened(41641);
  use.closed();
  expect(JSON.parse(readFileSync(join(dir, 'udp-ports.json'), 'utf8'))).toMatchObject({
    uses: [{ port: 41641 }],
  });
});
