/** Nodes that are plain WireGuard. */
import type { Migration } from './migration.js';

export const wireguardNodes: Migration = {
  number: 6,
  name: 'wireguard-nodes',
  statements: ({ schema }) => [
    schema
      .alterTable('nodes')
      .addColumn('kind', 'text', (column) => column.notNull().defaultTo('machine')),
  ],
};
