/** The policy that was accepted last: what holds when its file makes no sense at a start. */
import type { Migration } from './migration.js';

export const policies: Migration = {
  number: 5,
  name: 'policies',
  statements: ({ schema }) => [
    schema
      .createTable('policies')
      .addColumn('tailnet_id', 'text', (column) => column.primaryKey())
      .addColumn('text', 'text', (column) => column.notNull())
      .addColumn('accepted_at', 'bigint', (column) => column.notNull()),
  ],
};
