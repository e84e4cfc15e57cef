/** The history of paths in its table: appended, read and pruned, apart from the state and its revisions. */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import type { NodeId } from '@warren/core/control/server/state';
import { type Endpoint, parseEndpoint } from '@warren/core/ip/address';
import { formatPublicKey, type NodeKey, parsePublicKey } from '@warren/core/keys/keys';
import type { PathReport } from '@warren/core/netmap/path-report';
import { type Compilable, type Row, sqliteQueries } from './schema.js';
import type { SqliteConnection } from './sqlite-driver.js';

/** Changes kept of one node's paths to one peer. */
export const pathChangesPerPairMax = 20;
/** Of all of them: a few megabytes. */
export const pathChangesMax = 20_000;

/** A node's path to a peer became another one. */
export interface PathChangeRecord {
  readonly node: NodeId;
  readonly peer: NodeKey;
  readonly at: WallTime;
  readonly path: PathReport['path'];
  readonly endpoint: Endpoint | undefined;
  readonly regionId: number | undefined;
  readonly latencyMs: number | undefined;
}

const queries = sqliteQueries();

function run(connection: SqliteConnection, query: Compilable): void {
  const { sql, parameters } = query.compile();
  connection.run(sql, parameters);
}

function rows(connection: SqliteConnection, query: Compilable): readonly Record<string, unknown>[] {
  const { sql, parameters } = query.compile();
  return connection.all(sql, parameters);
}

/** Appends, then prunes each pair and the whole. One transaction. */
export function appendPathChanges(
  connection: SqliteConnection,
  changes: readonly PathChangeRecord[],
): void {
  connection.transaction(() => {
    const [last] = rows(
      connection,
      queries.selectFrom('path_changes').select(({ fn }) => fn.max('number').as('number')),
    );
    let number = Number(last?.['number'] ?? 0);
    for (const change of changes) {
      run(connection, queries.insertInto('path_changes').values(rowOf(change, ++number)));
      prunePair(connection, change);
    }
    const all = queries.deleteFrom('path_changes').where('number', '<=', number - pathChangesMax);
    run(connection, all);
  });
}

/** A pair has one more than it may have, at most. */
function prunePair(connection: SqliteConnection, { node, peer }: PathChangeRecord): void {
  const key = formatPublicKey('node', peer);
  const surplus = queries
    .selectFrom('path_changes')
    .select('number')
    .where('node_id', '=', node)
    .where('peer_key', '=', key)
    .orderBy('number', 'desc')
    .limit(1)
    .offset(pathChangesPerPairMax);
  const [oldest] = rows(connection, surplus);
  if (oldest === undefined) return;
  run(
    connection,
    queries.deleteFrom('path_changes').where('number', '=', Number(oldest['number'])),
  );
}

/** The newest `limit`, oldest first; rows that make no sense are left out. */
export function readPathChanges(
  connection: SqliteConnection,
  limit: number,
): readonly PathChangeRecord[] {
  const newest = queries
    .selectFrom('path_changes')
    .selectAll()
    .orderBy('number', 'desc')
    .limit(limit);
  return rows(connection, newest)
    .map(recordOf)
    .filter((record) => record !== undefined)
    .reverse();
}

function rowOf(change: PathChangeRecord, number: number): Row<'path_changes'> {
  return {
    number,
    node_id: change.node,
    peer_key: formatPublicKey('node', change.peer),
    at: change.at,
    path: change.path,
    endpoint: change.endpoint ?? null,
    region_id: change.regionId ?? null,
    latency_ms: change.latencyMs ?? null,
  };
}

function recordOf(row: Record<string, unknown>): PathChangeRecord | undefined {
  const peer = parsePublicKey('node', String(row['peer_key']));
  const path = (['direct', 'relay', 'none'] as const).find((word) => word === row['path']);
  if (peer === undefined || path === undefined) return undefined;
  const region = row['region_id'];
  const latency = row['latency_ms'];
  return {
    node: Number(row['node_id']),
    peer,
    at: wallTime(Number(row['at'])),
    path,
    endpoint: parseEndpoint(String(row['endpoint'])),
    regionId: region === null ? undefined : Number(region),
    latencyMs: latency === null ? undefined : Number(latency),
  };
}
