/** The state in the tables: read whole, written by changes. */
import { IdMap } from '@warren/core/base/id-map';
import { asInteger } from '@warren/core/base/json';
import type { ControlState, NodeId, NodeRecord } from '@warren/core/control/server/state';
import {
  indexNodeKeys,
  type StateChanges,
  type TableChanges,
} from '@warren/core/control/server/state-changes';
import { checkState } from './check-state.js';
import type { Revision, StoredState } from './control-database.js';
import { byId, damaged } from './record-reader.js';
import {
  authKeyRow,
  nodeRow,
  readAuthKeyRow,
  readNodeRow,
  readTailnetRow,
  readUserRow,
  tailnetRow,
  userRow,
} from './rows.js';
import { type Compilable, type Row, sqliteQueries } from './schema.js';
import type { SqliteConnection } from './sqlite-driver.js';

const queries = sqliteQueries();

type MetaName = 'schema_version' | 'revision' | 'next_node_id' | 'next_user_id';
/** Tables whose records have an id. */
type StateTable = 'tailnets' | 'users' | 'pre_auth_keys' | 'nodes';
/** For what is the same for each of them. */
const anyTable =
  sqliteQueries<Record<StateTable, { id: string | number; [column: string]: unknown }>>();

function all(connection: SqliteConnection, query: Compilable): readonly Record<string, unknown>[] {
  const { sql, parameters } = query.compile();
  return connection.all(sql, parameters);
}

export function execute(connection: SqliteConnection, query: Compilable): void {
  const { sql, parameters } = query.compile();
  connection.run(sql, parameters);
}

/** A fact of the database; anything but a number is damage. */
export function readMeta(connection: SqliteConnection, name: MetaName): number {
  const [row] = all(
    connection,
    queries.selectFrom('meta').select('value').where('name', '=', name),
  );
  return asInteger(row?.['value'], 0) ?? damaged(`${name} missing`);
}

export function writeMeta(connection: SqliteConnection, name: MetaName, value: number): void {
  const row = { name, value };
  const query = queries
    .insertInto('meta')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }));
  execute(connection, query);
}

/** Reads everything; throws Damage when it doesn't fit together. */
export function readTables(connection: SqliteConnection): StoredState {
  const rows = (table: StateTable): readonly Record<string, unknown>[] =>
    all(connection, queries.selectFrom(table).selectAll().orderBy('id'));
  const nodes = IdMap.of(byId<NodeId, NodeRecord>(rows('nodes').map(readNodeRow)));
  const state: ControlState = {
    tailnets: byId(rows('tailnets').map(readTailnetRow)),
    users: byId(rows('users').map(readUserRow)),
    authKeys: byId(
      rows('pre_auth_keys')
        .map(readAuthKeyRow)
        .sort((a, b) => a.createdAt - b.createdAt),
    ),
    nodes,
    nodeIdByKey: indexNodeKeys(nodes),
    nextNodeId: readMeta(connection, 'next_node_id'),
    nextUserId: readMeta(connection, 'next_user_id'),
  };
  checkState(state);
  return { state, revision: readMeta(connection, 'revision') };
}

/**
 * Rows that changed are taken out and put back: two machines that swap their names within one write never
 * hold one name at a time, and foreign keys are checked at the end.
 */
function writeTable<Table extends StateTable, Entry extends { readonly id: string | number }>(
  connection: SqliteConnection,
  table: Table,
  { puts, deletes }: TableChanges<string | number, Entry>,
  rowOf: (entry: Entry) => Row<Table>,
): void {
  const name: StateTable = table;
  for (const id of [...deletes, ...puts.map((entry) => entry.id)]) {
    execute(connection, anyTable.deleteFrom(name).where('id', '=', id));
  }
  for (const entry of puts) {
    const row: Row<StateTable> = rowOf(entry);
    execute(connection, anyTable.insertInto(name).values({ ...row }));
  }
}

/** Writes the changes; the caller holds a transaction. */
export function writeTables(
  connection: SqliteConnection,
  changes: StateChanges,
  revision: Revision,
): void {
  writeTable(connection, 'tailnets', changes.tailnets, tailnetRow);
  writeTable(connection, 'users', changes.users, userRow);
  writeTable(connection, 'pre_auth_keys', changes.authKeys, authKeyRow);
  writeTable(connection, 'nodes', changes.nodes, nodeRow);
  writeMeta(connection, 'next_node_id', changes.nextNodeId);
  writeMeta(connection, 'next_user_id', changes.nextUserId);
  writeMeta(connection, 'revision', revision);
}
