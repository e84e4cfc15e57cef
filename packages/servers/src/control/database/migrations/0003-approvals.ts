/** What a key is good for, which key a node came in by. */
import type { Migration } from './migration.js';

export const approvals: Migration = {
  number: 3,
  name: 'approvals',
  statements: ({ schema }) => [
    schema
      .alterTable('pre_auth_keys')
      .addColumn('purpose', 'text', (column) => column.notNull().defaultTo('join')),
    // No foreign key: keys that ended long ago are forgotten, their nodes stay.
    schema.alterTable('nodes').addColumn('auth_key_id', 'text'),
  ],
};
