/** headscale's tables, as far as they are read, in a database as it leaves them: in WAL mode, with its log beside it. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SqliteConnection } from '../database/sqlite-driver.js';
import { readHeadscale } from './headscale-database.js';

const TABLES = `
  CREATE TABLE users (id integer, name text, display_name text, deleted_at datetime);
  CREATE TABLE pre_auth_keys (id integer, prefix text, hash blob, user_id integer, reusable numeric,
    ephemeral numeric, used numeric, tags text, expiration datetime);
  CREATE TABLE api_keys (id integer);
  CREATE TABLE policies (id integer, data text, deleted_at datetime);
  CREATE TABLE nodes (id integer, machine_key text, node_key text, disco_key text, endpoints text, host_info text,
    ipv4 text, ipv6 text, hostname text, given_name text, user_id integer, tags text, auth_key_id integer,
    expiry datetime, last_seen datetime, approved_routes text, created_at datetime, deleted_at datetime);
`;
const ROWS = `
  INSERT INTO users VALUES (1, 'ann', 'Ann Lee', NULL), (2, 'gone', '', '2026-01-01 00:00:00+00:00');
  INSERT INTO pre_auth_keys VALUES (4, 'abc', x'00', 1, 1, 1, 0, '[]', '2026-11-24 09:30:18.738923599+00:00');
  INSERT INTO api_keys VALUES (1), (2);
  INSERT INTO nodes VALUES (1, 'mkey:1', 'nodekey:1', 'discokey:1', '["192.0.2.1:1"]', '{"OS":"linux"}',
    '100.64.0.1', 'fd7a:115c:a1e0::1', 'box', 'box-1', 1, NULL, 4, '0001-01-01 00:00:00+00:00',
    '2026-11-23 09:31:27.735035251+00:00', '["10.0.0.0/8"]', '2026-11-23 11:31:27+02:00', NULL);
  INSERT INTO nodes VALUES (2, 'mkey:2', 'nodekey:2', '', NULL, 'nonsense', '100.64.0.2', '', '', '', NULL,
    '["tag:web", 7]', NULL, NULL, NULL, NULL, NULL, NULL);
  INSERT INTO nodes (id, deleted_at) VALUES (3, '2026-01-01 00:00:00+00:00');
`;

let directory: string;
let file: string;
let headscale: SqliteConnection;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'warren-headscale-'));
  fs.mkdirSync(join(directory, 'scratch'));
  file = join(directory, 'db.sqlite');
  fs.writeFileSync(file, '');
  headscale = new SqliteConnection(file, false);
  headscale.exec('PRAGMA journal_mode = WAL');
  headscale.exec(TABLES);
});
afterEach(() => {
  headscale.close();
  fs.rmSync(directory, { recursive: true });
});

const read = () => readHeadscale(file, join(directory, 'scratch'));

test('users, nodes and keys are read, also what is only in the log, and nothing is left behind', () => {
  headscale.exec(ROWS);
  const before = fs.readFileSync(file);
  const { users, nodes, keys, apiKeys, hasPolicy } = read();
  expect(users).toEqual([{ id: 1, name: 'ann', displayName: 'Ann Lee' }]);
  expect(nodes).toMatchObject([
    {
      id: 1,
      givenName: 'box-1',
      userId: 1,
      tags: [],
      ephemeral: true,
      endpoints: ['192.0.2.1:1'],
      hostInfo: { OS: 'linux' },
      approvedRoutes: ['10.0.0.0/8'],
      expiry: undefined,
      lastSeen: Date.UTC(2026, 10, 23, 9, 31, 27, 735),
      createdAt: Date.UTC(2026, 10, 23, 9, 31, 27),
    },
    { id: 2, userId: undefined, tags: ['tag:web'], ephemeral: false, hostInfo: {}, endpoints: [] },
  ]);
  expect(keys).toMatchObject([{ prefix: 'abc', reusable: true, used: false }]);
  expect([apiKeys, hasPolicy]).toEqual([2, false]);
  expect(fs.readFileSync(file).equals(before)).toBe(true);
  expect(fs.readdirSync(join(directory, 'scratch'))).toEqual([]);
});

test.each([
  ['no file', (): string => join(directory, 'nowhere.db'), 'FILE_MISSING'],
  ['a directory', (): string => directory, 'FILE_UNREADABLE'],
  ['another program’s database', (): string => withoutTable(), 'FILE_CORRUPT'],
  ['no database', (): string => noDatabase(), 'FILE_CORRUPT'],
])('%s is refused with a code', (_, place, code) => {
  const given = place();
  const attempt = () => readHeadscale(given, join(directory, 'scratch'));
  expect(attempt).toThrow(expect.objectContaining({ code }));
  expect(fs.readdirSync(join(directory, 'scratch'))).toEqual([]);
});

function withoutTable(): string {
  headscale.exec('DROP TABLE nodes');
  return file;
}

function noDatabase(): string {
  const given = join(directory, 'text');
  fs.writeFileSync(given, 'no database '.repeat(1000));
  return given;
}
