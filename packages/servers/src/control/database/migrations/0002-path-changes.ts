/** What nodes reported of their paths, change by change: a bounded history beside the state. */
import type { Migration } from './migration.js';

export const pathChanges: Migration = {
  number: 2,
  name: 'path-changes',
  statements: ({ schema }) => [
    schema
      .createTable('path_changes')
      .addColumn('number', 'bigint', (column) => column.primaryKey())
      .addColumn('node_id', 'bigint', (column) => column.notNull())
      .addColumn('peer_key', 'text', (column) => column.notNull())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .addColumn('path', 'text', (column) => column.notNull())
      .addColumn('endpoint', 'text')
      .addColumn('region_id', 'bigint')
      .addColumn('latency_ms', 'real'),
    schema
      .createIndex('path_changes_pair')
      .on('path_changes')
      .columns(['node_id', 'peer_key', 'number']),
  ],
};
