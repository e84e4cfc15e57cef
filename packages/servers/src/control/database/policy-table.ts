/** The last accepted policy of a tailnet, beside the state and its revisions. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import type { TailnetId } from '@warren/core/control/server/state';
import { sqliteQueries } from './schema.js';
import type { SqliteConnection } from './sqlite-driver.js';

export interface StoredPolicy {
  /** As its file was written. */
  readonly text: string;
  readonly acceptedAt: WallTime;
}

const queries = sqliteQueries();

export function readPolicy(
  connection: SqliteConnection,
  tailnet: TailnetId,
): StoredPolicy | undefined {
  const { sql, parameters } = queries
    .selectFrom('policies')
    .select(['text', 'accepted_at'])
    .where('tailnet_id', '=', tailnet)
    .compile();
  const [row] = connection.all(sql, parameters);
  if (row === undefined) return undefined;
  return { text: String(row['text']), acceptedAt: wallTime(Number(row['accepted_at'])) };
}

/** Undefined: there is none any more. */
export function writePolicy(
  connection: SqliteConnection,
  tailnet: TailnetId,
  policy: StoredPolicy | undefined,
): void {
  connection.transaction(() => {
    const old = queries.deleteFrom('policies').where('tailnet_id', '=', tailnet).compile();
    connection.run(old.sql, old.parameters);
    if (policy === undefined) return;
    const { text, acceptedAt } = policy;
    const row = { tailnet_id: tailnet, text, accepted_at: Math.floor(acceptedAt) };
    const { sql, parameters } = queries.insertInto('policies').values(row).compile();
    connection.run(sql, parameters);
  });
}
