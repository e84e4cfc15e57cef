/**
 * One SQLite file through whichever driver this installation has: better-sqlite3, which npm fetches or
 * compiles, or the one that newer Node.js carries (22.13 and later). Both answer at once.
 *
 * Every failure becomes a {@link SqliteFailure}, whose `kind` is what a person has to know.
 */
import { createRequire } from 'node:module';
import { ControlError } from '../../errors.js';

export type SqliteFailureKind =
  /** The file is damaged, or is no database. */
  | 'damaged'
  /** No room on the disk. */
  | 'full'
  /** The disk or the file system fails. */
  | 'io'
  | 'read-only'
  | 'cannot-open'
  /** Another program has it locked. */
  | 'busy'
  /** A rule of the schema was broken: our own fault. */
  | 'constraint'
  | 'other';

export class SqliteFailure extends Error {
  readonly kind: SqliteFailureKind;

  constructor(kind: SqliteFailureKind, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'SqliteFailure';
    this.kind = kind;
  }
}

/** Primary result codes, https://sqlite.org/rescode.html. */
const KINDS: Readonly<Record<number, SqliteFailureKind>> = {
  5: 'busy',
  6: 'busy',
  8: 'read-only',
  10: 'io',
  11: 'damaged',
  13: 'full',
  14: 'cannot-open',
  19: 'constraint',
  23: 'cannot-open',
  26: 'damaged',
};

/** The same by the names that better-sqlite3 gives; extended ones begin with these. */
const NAMES: readonly (readonly [string, SqliteFailureKind])[] = [
  ['SQLITE_BUSY', 'busy'],
  ['SQLITE_LOCKED', 'busy'],
  ['SQLITE_READONLY', 'read-only'],
  ['SQLITE_IOERR', 'io'],
  ['SQLITE_CORRUPT', 'damaged'],
  ['SQLITE_FULL', 'full'],
  ['SQLITE_CANTOPEN', 'cannot-open'],
  ['SQLITE_CONSTRAINT', 'constraint'],
  ['SQLITE_AUTH', 'cannot-open'],
  ['SQLITE_NOTADB', 'damaged'],
];

/** No room for the file that readers share; extended code of SQLITE_IOERR. */
const SHARED_SIZE = { name: 'SQLITE_IOERR_SHMSIZE', code: 4874 };

function asFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (errcode === SHARED_SIZE.code || code === SHARED_SIZE.name) {
    return new SqliteFailure('full', error.message, error);
  }
  if (typeof errcode === 'number') {
    return new SqliteFailure(KINDS[errcode & 0xff] ?? 'other', error.message, error);
  }
  // A number in the file that no number of ours can be.
  if (code === 'ERR_OUT_OF_RANGE') return new SqliteFailure('damaged', error.message, error);
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return error;
  const kind = NAMES.find(([name]) => code.startsWith(name))?.[1] ?? 'other';
  return new SqliteFailure(kind, `${error.message} (${code})`, error);
}

interface Statement {
  all(...parameters: readonly unknown[]): readonly unknown[];
  run(...parameters: readonly unknown[]): unknown;
}

/** What both drivers have in common. */
interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  close(): unknown;
}

type Open = (path: string, readOnly: boolean) => Database;

type BetterSqlite = new (path: string, options: object) => Database;
interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: object) => Database;
}

/** Somebody may be making a copy with SQLite's own tools just when we start. */
const BUSY_MS = 2000;

const require = createRequire(import.meta.url);

function openWithBetterSqlite(): Open | undefined {
  try {
    const Constructor = require('better-sqlite3') as BetterSqlite;
    new Constructor(':memory:', {}).close(); // the compiled part is loaded only here
    return (path, readOnly) => new Constructor(path, { readonly: readOnly, fileMustExist: true });
  } catch {
    return undefined;
  }
}

function openWithNode(): Open | undefined {
  // Not in Node.js 20; 22.3 and later answer this question.
  const builtin = process.getBuiltinModule('node:sqlite') as unknown as NodeSqlite | undefined;
  if (builtin === undefined) return undefined;
  return (path, readOnly) => new builtin.DatabaseSync(path, { readOnly });
}

/** The driver's name for people, and how to open a file with it. */
interface Driver {
  readonly name: 'better-sqlite3' | 'node:sqlite';
  readonly open: Open;
}

let found: Driver | undefined;

/** Finds a driver. Throws {@link ControlError} SQLITE_MISSING when there is none. */
export function sqliteDriver(): Driver {
  if (found !== undefined) return found;
  const better = openWithBetterSqlite();
  const node = better === undefined ? openWithNode() : undefined;
  if (better !== undefined) found = { name: 'better-sqlite3', open: better };
  if (node !== undefined) found = { name: 'node:sqlite', open: node };
  if (found !== undefined) return found;
  throw new ControlError(
    'SQLITE_MISSING',
    'a control server keeps its state in SQLite, and no driver for it works here',
    '`npm ci --foreground-scripts` says why (better-sqlite3 needs make, a C++ compiler and python3); or run Node.js 22.13 or newer, which brings one.',
  );
}

/** An open file. */
export class SqliteConnection {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  /** The file must exist. Throws {@link SqliteFailure} or {@link ControlError}. */
  constructor(path: string, readOnly: boolean) {
    const { open } = sqliteDriver();
    this.#database = guarded(() => open(path, readOnly));
    this.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  }

  /** Rows of a query. */
  all(sql: string, parameters: readonly unknown[] = []): readonly Record<string, unknown>[] {
    return guarded(() => {
      const rows = this.#statement(sql).all(...parameters);
      return rows as readonly Record<string, unknown>[];
    });
  }

  run(sql: string, parameters: readonly unknown[] = []): void {
    guarded(() => this.#statement(sql).run(...parameters));
  }

  /** One or more statements without parameters. */
  exec(sql: string): void {
    guarded(() => this.#database.exec(sql));
  }

  /** Runs `work` as one transaction: all of it is on disk when this returns, or nothing. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    guarded(() => this.#database.close());
  }

  #rollBack(): void {
    try {
      this.exec('ROLLBACK');
    } catch {
      // After some failures (a full disk) SQLite has rolled back by itself.
    }
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFailure(error);
  }
}
