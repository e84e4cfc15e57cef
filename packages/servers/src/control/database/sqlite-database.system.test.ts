import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyState, withoutNode } from '@warren/core/control/server/state';
import { changesBetween } from '@warren/core/control/server/state-changes';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlDatabase } from './control-database.js';
import { fixtureState, nodeKeyOf, withMachine } from './database-fixture.js';
import { allMigrations } from './migrations/all-migrations.js';
import type { Migration } from './migrations/migration.js';
import { openSqliteDatabase, openToWrite, type SqliteDatabaseOptions } from './sqlite-database.js';
import { SqliteConnection } from './sqlite-driver.js';

const MODULES = new URL('../../../dist/control/database/', import.meta.url);

/** Another process that adds machines as fast as it can and prints the number of each that is written. */
const WRITER = `
  const { openSqliteDatabase } = await import(${JSON.stringify(new URL('sqlite-database.js', MODULES).href)});
  const { withMachine } = await import(${JSON.stringify(new URL('database-fixture.js', MODULES).href)});
  const { changesBetween } = await import('@warren/core/control/server/state-changes');
  const { writeSync } = await import('node:fs');
  const last = Number(process.argv[2] ?? Infinity);
  const database = openSqliteDatabase({ path: process.argv[1], log: undefined });
  let { state } = database.stored;
  for (let number = state.nextNodeId; number <= last; number++) {
    const next = withMachine(state, number);
    database.write(changesBetween(state, next));
    writeSync(1, number + '\\n');
    state = next;
  }
`;
/** Where it finds the packages. */
const WRITER_PLACE = fileURLToPath(new URL('../../../', import.meta.url));

/** Tells whether to go without strace. Under CI=true its absence is a failure, never a skip. */
function skipsStrace(): boolean {
  if (spawnSync('strace', ['-V']).status === 0) return false;
  if (process.env['CI'] === 'true') throw new Error('CI=true insists on strace, which is missing');
  process.stderr.write('system calls are not looked at: strace is missing\n');
  return true;
}

let directory: string;
let file: string;
const opened: ControlDatabase[] = [];

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'warren-database-'));
  file = join(directory, 'control.db');
});

afterEach(() => {
  for (const database of opened.splice(0)) database.close();
  fs.rmSync(directory, { recursive: true });
});

function open(options: Partial<SqliteDatabaseOptions> = {}): ControlDatabase {
  const database = openSqliteDatabase({ path: file, log: silentLogger, ...options });
  opened.push(database);
  return database;
}

function shut(database: ControlDatabase): void {
  opened.splice(opened.indexOf(database), 1);
  database.close();
}

/** A closed database with five machines. */
function makeFixture(): void {
  shut(open({ initial: () => fixtureState() }));
}

/** Runs SQL on the closed file behind the server's back. */
function tamper(sql: string): void {
  const connection = new SqliteConnection(file, false);
  connection.exec('PRAGMA foreign_keys = OFF');
  connection.exec(sql);
  connection.close();
}

/** Every file of the directory with its content. */
function snapshot(): ReadonlyMap<string, string> {
  const files = fs.readdirSync(directory).sort();
  return new Map(files.map((name) => [name, fs.readFileSync(join(directory, name), 'latin1')]));
}

test('everything survives a write and a new start', () => {
  const first = open();
  expect(first.stored).toEqual({ state: emptyState(), revision: 0 });
  const state = fixtureState();
  expect(first.write(changesBetween(emptyState(), state))).toBe(1);
  const next = withMachine(withoutNode(state, 2), 9);
  expect(first.write(changesBetween(state, next))).toBe(2);
  shut(first);
  const second = open();
  expect(second.stored).toEqual({ state: next, revision: 2 });
  expect([...second.stored.state.authKeys.keys()]).toHaveLength(next.authKeys.size);
});

test('numbers of deleted nodes and users are not used again after a restart', () => {
  const database = open();
  const state = fixtureState();
  database.write(changesBetween(emptyState(), state));
  const fewer = withoutNode(state, 5);
  database.write(changesBetween(state, fewer));
  shut(database);
  const again = open().stored.state;
  expect(again.nextNodeId).toBe(6);
  expect(again.nextUserId).toBe(state.nextUserId);
});

test('two machines swap name and address within one write', () => {
  const state = fixtureState();
  const [a, b] = [state.nodes.get(4), state.nodes.get(5)];
  if (a === undefined || b === undefined) throw new Error('the fixture has both');
  const nodes = new Map(state.nodes)
    .set(4, { ...a, label: b.label, addresses: b.addresses })
    .set(5, { ...b, label: a.label, addresses: a.addresses });
  const database = open({ initial: () => state });
  database.write(changesBetween(state, { ...state, nodes }));
  shut(database);
  expect(open().stored.state.nodes.get(4)?.label).toBe(b.label);
});

test('it is for its owner alone, whatever the umask', () => {
  const umask = process.umask(0);
  try {
    const database = open();
    database.backup(join(directory, 'copy.db'));
    const files = fs.readdirSync(directory);
    expect(files.sort()).toEqual(['control.db', 'control.db-wal', 'copy.db']);
    for (const name of files) {
      expect([name, fs.statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
  } finally {
    process.umask(umask);
  }
});

test('a second program is kept out while it is open', () => {
  open();
  const other = new SqliteConnection(file, false);
  other.exec('PRAGMA busy_timeout = 0');
  expect(() => other.all('SELECT * FROM nodes')).toThrow(/locked|busy/i);
  other.close();
});

test('a copy is made while it is open, and is a database like it', () => {
  const database = open();
  const state = fixtureState();
  database.write(changesBetween(emptyState(), state));
  const copy = join(directory, 'copy.db');
  database.backup(copy);
  expect(() => database.backup(copy)).toThrow(expect.objectContaining({ code: 'FILE_UNWRITABLE' }));
  expect(() => database.backup(join(directory, 'no/where.db'))).toThrow(
    expect.objectContaining({ code: 'FILE_UNWRITABLE' }),
  );
  expect(open({ path: copy }).stored).toEqual({ state, revision: 1 });
});

describe('migrations', () => {
  /** How the copy before the next migration ends. */
  const suffix = `before-${String(allMigrations.length + 1).padStart(4, '0')}`;
  const further: Migration = {
    number: allMigrations.length + 1,
    name: 'notes',
    statements: ({ schema }) => [
      schema.alterTable('nodes').addColumn('note', 'text'),
      schema.createTable('notes').addColumn('id', 'text'),
    ],
  };
  const broken: Migration = {
    number: allMigrations.length + 1,
    name: 'broken',
    statements: ({ schema }) => [
      schema.createTable('notes').addColumn('id', 'text'),
      schema.createTable('notes').addColumn('id', 'text'),
    ],
  };

  test('an older database is copied, then brought up to date', () => {
    makeFixture();
    const before = open();
    const { state } = before.stored;
    shut(before);
    const after = open({ migrations: [...allMigrations, further] });
    expect(after.stored.state).toEqual(state);
    shut(after);
    expect(fs.readdirSync(directory)).toEqual(['control.db', `control.db.${suffix}`]);
    const old = open({ path: `${file}.${suffix}` });
    expect(old.stored.state).toEqual(state);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'CONTROL_STATE_VERSION' }));
  });

  test('one that fails leaves the database as it was, with the copy', () => {
    makeFixture();
    expect(() => open({ migrations: [...allMigrations, broken] })).toThrow(/notes/);
    expect(open().stored.state.nodes.size).toBe(5);
    expect(fs.existsSync(`${file}.${suffix}`)).toBe(true);
    shut(opened[0] as ControlDatabase);
    shut(open({ migrations: [...allMigrations, further] }));
    expect(fs.existsSync(`${file}.${suffix}-2`)).toBe(true);
  });

  test('a new database goes through all of them', () => {
    shut(open({ migrations: [...allMigrations, further] }));
    const connection = new SqliteConnection(file, true);
    expect(connection.all('SELECT note FROM nodes')).toEqual([]);
    connection.close();
  });

  test('keys of the schema before approvals let machines in, as they did', () => {
    makeFixture();
    const { state } = open().stored;
    shut(opened[0] as ControlDatabase);
    tamper('ALTER TABLE pre_auth_keys DROP COLUMN purpose');
    tamper('ALTER TABLE nodes DROP COLUMN auth_key_id');
    tamper('ALTER TABLE nodes DROP COLUMN approved_routes');
    tamper('ALTER TABLE nodes DROP COLUMN kind');
    tamper('DROP TABLE policies');
    tamper('DROP TABLE api_tokens');
    tamper('DROP TABLE audit_entries');
    tamper("UPDATE meta SET value = 2 WHERE name = 'schema_version'");
    const { authKeys, nodes } = open().stored.state;
    expect([...nodes.values()].every((node) => node.approvedRoutes.length === 0)).toBe(true);
    expect(authKeys).toEqual(state.authKeys);
    expect([...authKeys.values()].every(({ purpose }) => purpose === 'join')).toBe(true);
    expect([...nodes.values()].map(({ authKeyId }) => authKeyId)).toEqual(
      [...nodes.values()].map(() => undefined),
    );
    expect(fs.existsSync(`${file}.before-0003`)).toBe(true);
  });

  test('a database of a newer schema is refused and not touched', () => {
    makeFixture();
    tamper("UPDATE meta SET value = 99 WHERE name = 'schema_version'");
    const before = snapshot();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'CONTROL_STATE_VERSION' }));
    expect(snapshot()).toEqual(before);
  });
});

describe('damage is refused and stays as it is:', () => {
  const refused = (code = 'FILE_CORRUPT'): void => {
    const before = snapshot();
    expect(() => open()).toThrow(expect.objectContaining({ code, path: file }));
    expect(snapshot()).toEqual(before);
  };

  test.each([
    ['cut off at its first byte', 0],
    ['cut off in its header', 50],
    ['cut off in a page', 5000],
    ['cut off by a page', -4096],
    ['cut off by a byte', -1],
  ])('%s', (_, length) => {
    makeFixture();
    const { size } = fs.statSync(file);
    fs.truncateSync(file, length > 0 || length === 0 ? length : size + length);
    refused();
  });

  test.each([
    ['another header', 0, 16],
    ['zeros in the list of tables', 100, 200],
    ['zeros in every page but the first', 4096, 1e9],
  ])('%s', (_, from, length) => {
    makeFixture();
    const content = fs.readFileSync(file);
    content.fill(0, from, Math.min(from + length, content.length));
    fs.writeFileSync(file, content);
    refused();
  });

  test('one byte of a name', () => {
    makeFixture();
    const content = fs.readFileSync(file);
    const at = content.indexOf('printer');
    content.write('q', at);
    fs.writeFileSync(file, content);
    refused(); // table and index say different things
  });

  test.each([
    ['a key that is none', "UPDATE nodes SET node_key = 'nodekey:00' WHERE id = 1"],
    ['a key that is zero', `UPDATE nodes SET node_key = 'nodekey:${'0'.repeat(64)}' WHERE id = 1`],
    ['an address of somebody else', "UPDATE nodes SET ipv4 = '192.0.2.1' WHERE id = 1"],
    ['two addresses that differ', "UPDATE nodes SET ipv6 = 'fd7a:115c:a1e0::99' WHERE id = 1"],
    ['host information that is no JSON', "UPDATE nodes SET host_info = '{' WHERE id = 1"],
    ['host information that is a list', "UPDATE nodes SET host_info = '[]' WHERE id = 1"],
    ['tags that are numbers', "UPDATE nodes SET tags = '[1]' WHERE id = 2"],
    ['an endpoint without port', `UPDATE nodes SET endpoints = '[{"endpoint":"a","type":1}]'`],
    ['a flag that is two', 'UPDATE nodes SET ephemeral = 2 WHERE id = 1'],
    ['a time that is text', "UPDATE nodes SET created_at = 'now' WHERE id = 1"],
    ['a time out of range', 'UPDATE nodes SET last_seen = 9007199254740993 WHERE id = 1'],
    ['a number to be given twice', "UPDATE meta SET value = 3 WHERE name = 'next_node_id'"],
    ['no counter', "DELETE FROM meta WHERE name = 'next_user_id'"],
    ['no version', "DELETE FROM meta WHERE name = 'schema_version'"],
    ['an owner that is gone', 'DELETE FROM users'],
    ['a tailnet that is gone', 'DELETE FROM tailnets'],
    ['no owner and no tags', 'UPDATE nodes SET user_id = NULL WHERE id = 1'],
    ['a hash that is none', "UPDATE pre_auth_keys SET secret_sha256 = 'zz'"],
    ['a table that is gone', 'DROP TABLE nodes'],
    ['the database of another program', 'PRAGMA application_id = 7'],
  ])('%s', (_, sql) => {
    makeFixture();
    tamper(sql);
    refused();
  });

  test('a log without its database', () => {
    const database = open();
    database.write(changesBetween(emptyState(), fixtureState()));
    const log = fs.readFileSync(`${file}-wal`);
    shut(database);
    fs.rmSync(file);
    fs.writeFileSync(`${file}-wal`, log);
    refused();
  });

  test('damage beside a log that a killed server left', () => {
    const database = open();
    database.write(changesBetween(emptyState(), fixtureState()));
    const log = fs.readFileSync(`${file}-wal`);
    shut(database);
    fs.writeFileSync(`${file}-wal`, log.subarray(0, 32 + 24 + 4096));
    const content = fs.readFileSync(file);
    content.fill(0xff, 4096);
    fs.writeFileSync(file, content);
    refused();
  });

  test('a directory in its place', () => {
    fs.mkdirSync(file);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE' }));
    expect(fs.readdirSync(directory)).toEqual(['control.db']);
  });
});

describe('a write that is answered for is on the disk:', () => {
  test('a write-ahead log, flushed at each commit', () => {
    makeFixture();
    const connection = openToWrite(file);
    const settings = ['journal_mode', 'synchronous', 'foreign_keys'].map((name) =>
      Object.values(connection.all(`PRAGMA ${name}`)[0] ?? {}),
    );
    connection.close();
    const FULL = 2;
    expect(settings).toEqual([['wal'], [FULL], [1]]);
  });

  test.skipIf(skipsStrace())('the system is asked to flush before each answer', async () => {
    shut(open());
    const trace = join(directory, 'trace');
    const argv = ['-f', '-e', 'trace=fsync,fdatasync,write', '-e', 'signal=none', '-o', trace];
    const WRITES = 20;
    const node = [process.execPath, '--input-type=module', '-e', WRITER, file, String(WRITES)];
    const child = spawn('strace', [...argv, ...node], {
      cwd: WRITER_PLACE,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.resume();
    await once(child, 'close');
    // Of each answer (a number to standard output) and what came since the one before.
    let flushes = 0;
    const flushesBefore: number[] = [];
    for (const line of fs.readFileSync(trace, 'utf8').split('\n')) {
      if (/ f(data)?sync\(\d+\) += 0/.test(line)) flushes++;
      if (!/ write\(1, "\d+\\n"/.test(line)) continue;
      flushesBefore.push(flushes);
      flushes = 0;
    }
    expect(flushesBefore).toHaveLength(WRITES);
    expect(Math.min(...flushesBefore)).toBeGreaterThanOrEqual(1);
  });
});

describe('a server that is killed in the middle of its writes', () => {
  const RUNS = 5;

  test('loses nothing that it said was written, and comes back', async () => {
    shut(open());
    for (let run = 1; run <= RUNS; run++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, file], {
        cwd: WRITER_PLACE,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (part: string) => {
        text += part;
        // Somewhere in the middle of whatever it does now.
        if (text.split('\n').length > 10 * run) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const said = Math.max(...text.trim().split('\n').map(Number));
      const database = open();
      const { nodes } = database.stored.state;
      expect(nodes.size).toBeGreaterThanOrEqual(said);
      expect(nodes.get(said)?.nodeKey).toBe(nodeKeyOf(said));
      shut(database);
    }
  });
});
