import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallTime } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import type { PathReport } from '@warren/core/netmap/path-report';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlDatabase } from './database/control-database.js';
import { pathChangesMax, pathChangesPerPairMax } from './database/path-table.js';
import { openSqliteDatabase } from './database/sqlite-database.js';
import { PathBook } from './path-book.js';

let dir = '';
let database: ControlDatabase;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-paths-'));
  database = open();
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const open = (): ControlDatabase =>
  openSqliteDatabase({ path: join(dir, 'control.db'), log: silentLogger });
const key = (number: number): NodeKey => (number + 1).toString(16).padStart(64, '0') as NodeKey;
const report = (peer: number, port?: number): PathReport => ({
  peer: key(peer),
  path: port === undefined ? 'relay' : 'direct',
  endpoint: port === undefined ? undefined : (`203.0.113.7:${port}` as Endpoint),
  regionId: port === undefined ? 901 : undefined,
  ...{ latencyMs: 62.5, loss: 0, rxBytes: 1, txBytes: 2 },
});

test('the present is what was reported last, the past its changes, over restarts too', () => {
  const book = new PathBook(database, silentLogger);
  book.report(1, [report(2)], wallTime(1000));
  book.report(1, [report(2)], wallTime(2000));
  book.report(1, [report(2, 41_641)], wallTime(3000));
  expect(book.present(1)).toEqual({ at: 3000, paths: [report(2, 41_641)] });
  expect(book.present(2)).toBeUndefined();
  book.close();
  database.close();
  database = open();
  const past = new PathBook(database, silentLogger).history(10);
  expect(past).toMatchObject([
    { node: 1, peer: key(2), at: 1000, path: 'relay', regionId: 901, endpoint: undefined },
    { node: 1, at: 3000, path: 'direct', endpoint: '203.0.113.7:41641', latencyMs: 62.5 },
  ]);
});

test('a pair keeps its newest changes, whatever others do', () => {
  const book = new PathBook(database, silentLogger);
  book.report(2, [report(3)], wallTime(1));
  for (let index = 0; index < 3 * pathChangesPerPairMax; index++) {
    book.report(1, [report(2, 1000 + index)], wallTime(10 + index));
  }
  const past = book.history(1000);
  expect(past.filter(({ node }) => node === 1)).toHaveLength(pathChangesPerPairMax);
  expect(past.filter(({ node }) => node === 2)).toHaveLength(1);
  expect(past.at(-1)).toMatchObject({ endpoint: `203.0.113.7:${999 + 3 * pathChangesPerPairMax}` });
});

test('all pairs together are bounded', () => {
  const change = { ...report(1), node: 1, at: wallTime(1) };
  for (let from = 0; from < pathChangesMax + 500; from += 5000) {
    database.appendPaths(
      Array.from({ length: 5000 }, (_, index) => ({ ...change, peer: key(from + index) })),
    );
  }
  expect(database.readPaths(2 * pathChangesMax)).toHaveLength(pathChangesMax);
}, 60_000);

test('nodes that are gone have no present', () => {
  const book = new PathBook(database, silentLogger);
  book.report(1, [report(2)], wallTime(1));
  book.keepOnly((node) => node !== 1);
  expect(book.present(1)).toBeUndefined();
  expect(book.history(10)).toHaveLength(1);
});
