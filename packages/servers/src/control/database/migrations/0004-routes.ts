/** Routes that a node may serve. */
import type { Migration } from './migration.js';

export const routes: Migration = {
  number: 4,
  name: 'routes',
  statements: ({ schema }) => [
    schema
      .alterTable('nodes')
      .addColumn('approved_routes', 'text', (column) => column.notNull().defaultTo('[]')),
  ],
};
