/**
 * The control server's state in one SQLite file, held by this process alone.
 *
 *     missing      made in a file of another name, which gets the right one when it is complete
 *     damaged      refused, before anything could write to it: the look over it is read-only
 *     newer        refused
 *     older        copied to NAME.before-NNNN, then migrated
 *
 * Write-ahead log with a flush at each commit: a power cut loses nothing that somebody was told.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type ControlState, emptyState, type TailnetId } from '@warren/core/control/server/state';
import { changesBetween, type StateChanges } from '@warren/core/control/server/state-changes';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../../errors.js';
import {
  type AuditRecord,
  appendAudit,
  type NumberedAuditRecord,
  readAudit,
} from './audit-table.js';
import type { ControlDatabase, Revision, StoredState } from './control-database.js';
import { corrupt, explained } from './database-errors.js';
import {
  checkFile,
  copyDatabase,
  giveName,
  makePrivateFile,
  removeTemporary,
  withoutTraces,
} from './database-files.js';
import { allMigrations, migrationsAfter } from './migrations/all-migrations.js';
import type { Migration } from './migrations/migration.js';
import { appendPathChanges, type PathChangeRecord, readPathChanges } from './path-table.js';
import { readPolicy, type StoredPolicy, writePolicy } from './policy-table.js';
import { damaged } from './record-reader.js';
import { sqliteQueries } from './schema.js';
import { SqliteConnection, SqliteFailure } from './sqlite-driver.js';
import { execute, readMeta, readTables, writeMeta, writeTables } from './state-tables.js';
import { type ApiTokenRecord, deleteTokens, readTokens, writeToken } from './token-table.js';

/** "WRRN", in the header of the file: another program's database is not taken for ours. */
const APPLICATION_ID = 0x5752_524e;
/** Pages of 4 KiB after which the log is written into the database: 1 MiB, so that neither needs much room. */
const LOG_PAGES_MAX = 256;
/** What is kept of a log that grew longer, when many changes came in one write. */
const LOG_BYTES_KEPT = 4096 * LOG_PAGES_MAX;

export interface SqliteDatabaseOptions {
  readonly path: string;
  readonly log: Logger;
  /** What a new database begins with; asked when there is none. Default: nothing. */
  readonly initial?: (() => ControlState | undefined) | undefined;
  /** For tests of migrations; default: all. */
  readonly migrations?: readonly Migration[] | undefined;
}

/** Opens the database, or makes it. Throws FileError or {@link ControlError}; no file is changed then. */
export function openSqliteDatabase(options: SqliteDatabaseOptions): ControlDatabase {
  const migrations = options.migrations ?? allMigrations;
  const file = options.path;
  return explained(file, () => {
    if (!checkFile(file)) makeDatabase(options, migrations);
    const version = inspect(file, migrations.length);
    const connection = openToWrite(file);
    try {
      if (version < migrations.length) migrate(connection, options, version, migrations);
      return new SqliteDatabase(file, connection, readTables(connection));
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

class SqliteDatabase implements ControlDatabase {
  readonly stored: StoredState;
  readonly #file: string;
  readonly #connection: SqliteConnection;
  #revision: Revision;

  constructor(file: string, connection: SqliteConnection, stored: StoredState) {
    this.stored = stored;
    this.#file = file;
    this.#connection = connection;
    this.#revision = stored.revision;
  }

  write(changes: StateChanges): Revision {
    const next = this.#revision + 1;
    explained(this.#file, () =>
      this.#connection.transaction(() => writeTables(this.#connection, changes, next)),
    );
    this.#revision = next;
    return next;
  }

  appendPaths(changes: readonly PathChangeRecord[]): void {
    explained(this.#file, () => appendPathChanges(this.#connection, changes));
  }

  readPaths(limit: number): readonly PathChangeRecord[] {
    return explained(this.#file, () => readPathChanges(this.#connection, limit));
  }

  readPolicy(tailnet: TailnetId): StoredPolicy | undefined {
    return explained(this.#file, () => readPolicy(this.#connection, tailnet));
  }

  writePolicy(tailnet: TailnetId, policy: StoredPolicy | undefined): void {
    explained(this.#file, () => writePolicy(this.#connection, tailnet, policy));
  }

  readTokens(): readonly ApiTokenRecord[] {
    return explained(this.#file, () => readTokens(this.#connection));
  }

  writeToken(token: ApiTokenRecord): void {
    explained(this.#file, () => writeToken(this.#connection, token));
  }

  deleteTokens(ids: readonly string[]): void {
    explained(this.#file, () => deleteTokens(this.#connection, ids));
  }

  appendAudit(entry: AuditRecord): void {
    explained(this.#file, () => appendAudit(this.#connection, entry));
  }

  readAudit(limit: number, before: number | undefined): readonly NumberedAuditRecord[] {
    return explained(this.#file, () => readAudit(this.#connection, limit, before));
  }

  backup(file: string): void {
    explained(file, () => copyDatabase(this.#connection, file));
  }

  close(): void {
    explained(this.#file, () => this.#connection.close());
  }
}

/** Makes a complete database beside its place and moves it there. */
function makeDatabase(options: SqliteDatabaseOptions, migrations: readonly Migration[]): void {
  const state = options.initial?.() ?? emptyState();
  const temporary = path.join(path.dirname(options.path), `.${path.basename(options.path)}.new`);
  removeTemporary(temporary); // of a start that was killed
  makePrivateFile(temporary);
  try {
    const connection = new SqliteConnection(temporary, false);
    try {
      connection.exec('PRAGMA synchronous = EXTRA');
      connection.exec('PRAGMA foreign_keys = ON');
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      connection.transaction(() => {
        for (const step of migrations) run(connection, step);
        writeTables(connection, changesBetween(emptyState(), state), 0);
      });
    } finally {
      connection.close();
    }
    giveName(temporary, options.path);
  } catch (error) {
    removeTemporary(temporary);
    throw error;
  }
}

/** Looks the whole file over without writing; its schema version. Throws when it isn't as it should be. */
function inspect(file: string, versionMax: number): number {
  return withoutTraces(file, () => {
    const connection = new SqliteConnection(file, true);
    try {
      const [id] = connection.all('PRAGMA application_id');
      if (id?.['application_id'] !== APPLICATION_ID) {
        throw corrupt(file, 'it is no database of a control server');
      }
      const version = readMeta(connection, 'schema_version');
      if (version > versionMax) throw newer(file, version);
      checkPages(connection);
      if (version === versionMax) readTables(connection);
      return version;
    } catch (error) {
      // A table or column that its schema has and the file hasn't.
      if (error instanceof SqliteFailure && error.kind === 'other') damaged(error.message);
      throw error;
    } finally {
      connection.close();
    }
  });
}

/** Finds damaged pages, indexes that don't fit their tables, and rows that point to nothing. */
function checkPages(connection: SqliteConnection): void {
  const [first] = connection.all('PRAGMA integrity_check(1)');
  const verdict = Object.values(first ?? {})[0];
  if (verdict !== 'ok') damaged(String(verdict));
  const [orphan] = connection.all('PRAGMA foreign_key_check');
  if (orphan !== undefined) damaged(`a row of ${String(orphan['table'])} points to nothing`);
}

function newer(file: string, version: number): ControlError {
  return new ControlError(
    'CONTROL_STATE_VERSION',
    `the control server's database was written by a newer Warren (schema ${version}): ${file}`,
    'Run that version again, or restore a backup from before the upgrade. The file was not changed.',
  );
}

/** A connection as the server writes with it: what a commit says is done, a power cut leaves done. */
export function openToWrite(file: string): SqliteConnection {
  const connection = new SqliteConnection(file, false);
  try {
    // Nobody else writes behind our back, and no shared memory is needed.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE');
    connection.exec('PRAGMA journal_mode = WAL');
    connection.exec('PRAGMA synchronous = FULL');
    connection.exec('PRAGMA foreign_keys = ON');
    connection.exec('PRAGMA trusted_schema = OFF');
    connection.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES_MAX}`);
    connection.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function run(connection: SqliteConnection, step: Migration): void {
  for (const statement of step.statements(sqliteQueries())) execute(connection, statement);
  writeMeta(connection, 'schema_version', step.number);
}

/** Brings an older database up to date, all steps or none, after a copy was made. */
function migrate(
  connection: SqliteConnection,
  { path: file, log }: SqliteDatabaseOptions,
  version: number,
  migrations: readonly Migration[],
): void {
  const steps = migrationsAfter(version, migrations);
  const first = String(version + 1).padStart(4, '0');
  const copy = freeName(`${file}.before-${first}`);
  copyDatabase(connection, copy);
  connection.transaction(() => {
    for (const step of steps) run(connection, step);
  });
  log.info('database migrated', { from: version, to: migrations.length, copy });
}

/** `name`, or `name-2` and so on: copies of earlier tries stay. */
function freeName(name: string): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!fs.existsSync(candidate)) return candidate;
  }
}
