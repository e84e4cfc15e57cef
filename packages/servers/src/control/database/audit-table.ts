/** Who did what, in its table: appended, read, its oldest entries pruned. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { sqliteQueries } from './schema.js';
import type { SqliteConnection } from './sqlite-driver.js';

/** Kept of all: years of a person's work, weeks of a busy program's, a few megabytes. */
export const auditEntriesMax = 20_000;

export interface AuditRecord {
  readonly at: WallTime;
  /** `local`, `token:ID` or `code:ID`. */
  readonly actor: string;
  /** As operations of the API are called: `renameNode`. */
  readonly action: string;
  /** What it was done to: an id, or nothing. */
  readonly target: string;
  /** What was asked for: JSON, perhaps cut. */
  readonly detail: string;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
}

/** With its place in the order of all. */
export interface NumberedAuditRecord extends AuditRecord {
  readonly number: number;
}

const queries = sqliteQueries();

/** Appends, then prunes the whole. One transaction. */
export function appendAudit(connection: SqliteConnection, record: AuditRecord): void {
  connection.transaction(() => {
    const last = queries
      .selectFrom('audit_entries')
      .select(({ fn }) => fn.max('number').as('number'))
      .compile();
    const number = Number(connection.all(last.sql, last.parameters)[0]?.['number'] ?? 0) + 1;
    const row = { ...record, at: Math.floor(record.at), number };
    const added = queries.insertInto('audit_entries').values(row).compile();
    connection.run(added.sql, added.parameters);
    const pruned = queries
      .deleteFrom('audit_entries')
      .where('number', '<=', number - auditEntriesMax)
      .compile();
    connection.run(pruned.sql, pruned.parameters);
  });
}

/** The newest `limit` before number `before` (undefined: of all), the newest first. */
export function readAudit(
  connection: SqliteConnection,
  limit: number,
  before: number | undefined,
): readonly NumberedAuditRecord[] {
  const all = queries.selectFrom('audit_entries').selectAll();
  const asked = before === undefined ? all : all.where('number', '<', before);
  const { sql, parameters } = asked.orderBy('number', 'desc').limit(limit).compile();
  return connection.all(sql, parameters).map((row) => ({
    number: Number(row['number']),
    at: wallTime(Number(row['at'])),
    actor: String(row['actor']),
    action: String(row['action']),
    target: String(row['target']),
    detail: String(row['detail']),
    outcome: String(row['outcome']),
  }));
}
