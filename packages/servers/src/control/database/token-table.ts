/** Tokens of the admin API in their table, beside the state and its revisions. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { asArray, parseJson } from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { type Row, sqliteQueries } from './schema.js';
import type { SqliteConnection } from './sqlite-driver.js';

/** What lets a program use the admin API. The secret itself is never kept. */
export interface ApiTokenRecord {
  readonly id: string;
  /** SHA-256 of the secret's text, as hex. */
  readonly secretSha256: string;
  /** What it is for, in its maker's words. */
  readonly description: string;
  readonly scopes: readonly string[];
  readonly createdAt: WallTime;
  /** Undefined: never. */
  readonly expiresAt: WallTime | undefined;
  /** To the minute. */
  readonly usedAt: WallTime | undefined;
  readonly revokedAt: WallTime | undefined;
}

const queries = sqliteQueries();

/** By the time at which they were made. */
export function readTokens(connection: SqliteConnection): readonly ApiTokenRecord[] {
  const { sql, parameters } = queries
    .selectFrom('api_tokens')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .compile();
  return connection.all(sql, parameters).map(recordOf);
}

/** Adds it or puts it in place of the one with its id. */
export function writeToken(connection: SqliteConnection, record: ApiTokenRecord): void {
  connection.transaction(() => {
    remove(connection, record.id);
    const { sql, parameters } = queries.insertInto('api_tokens').values(rowOf(record)).compile();
    connection.run(sql, parameters);
  });
}

export function deleteTokens(connection: SqliteConnection, ids: readonly string[]): void {
  connection.transaction(() => {
    for (const id of ids) remove(connection, id);
  });
}

function remove(connection: SqliteConnection, id: string): void {
  const { sql, parameters } = queries.deleteFrom('api_tokens').where('id', '=', id).compile();
  connection.run(sql, parameters);
}

function rowOf(record: ApiTokenRecord): Row<'api_tokens'> {
  return {
    id: record.id,
    secret_sha256: record.secretSha256,
    description: record.description,
    scopes: JSON.stringify(record.scopes),
    created_at: Math.floor(record.createdAt),
    expires_at: record.expiresAt ?? null,
    used_at: record.usedAt ?? null,
    revoked_at: record.revokedAt ?? null,
  };
}

/** A row that makes no sense is a token that opens nothing. */
function recordOf(row: Record<string, unknown>): ApiTokenRecord {
  const time = (value: unknown): WallTime | undefined =>
    value === null ? undefined : wallTime(Number(value));
  const scopes = asArray(parseJson(encodeUtf8(String(row['scopes']))));
  return {
    id: String(row['id']),
    secretSha256: String(row['secret_sha256']),
    description: String(row['description']),
    scopes: scopes.filter((scope) => typeof scope === 'string'),
    createdAt: wallTime(Number(row['created_at'])),
    expiresAt: time(row['expires_at']),
    usedAt: time(row['used_at']),
    revokedAt: time(row['revoked_at']),
  };
}
