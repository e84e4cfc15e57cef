/** The first schema: tailnets, users, pre-auth keys, nodes. */
import type { ForeignKeyConstraintBuilder } from 'kysely';
import type { Migration } from './migration.js';

/** Checked at the commit: changed rows are taken out and put back within one transaction. */
const deferred = (key: ForeignKeyConstraintBuilder): ForeignKeyConstraintBuilder =>
  key.deferrable().initiallyDeferred();

export const initial: Migration = {
  number: 1,
  name: 'initial',
  statements: ({ schema }) => [
    schema
      .createTable('meta')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('value', 'bigint', (column) => column.notNull()),
    schema
      .createTable('tailnets')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('last_address_index', 'bigint', (column) => column.notNull()),
    schema
      .createTable('users')
      .addColumn('tailnet_id', 'text', (column) => column.notNull())
      .addColumn('id', 'bigint', (column) => column.notNull())
      .addColumn('login_name', 'text', (column) => column.notNull())
      .addColumn('display_name', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('users_pk', ['tailnet_id', 'id'])
      .addUniqueConstraint('users_id', ['id'])
      .addUniqueConstraint('users_login_name', ['tailnet_id', 'login_name'])
      .addForeignKeyConstraint('users_tailnet', ['tailnet_id'], 'tailnets', ['id'], deferred),
    schema
      .createTable('pre_auth_keys')
      .addColumn('tailnet_id', 'text', (column) => column.notNull())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('secret_sha256', 'text', (column) => column.notNull())
      .addColumn('user_id', 'bigint')
      .addColumn('tags', 'text', (column) => column.notNull())
      .addColumn('reusable', 'smallint', (column) => column.notNull())
      .addColumn('ephemeral', 'smallint', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint')
      .addColumn('used_at', 'bigint')
      .addColumn('revoked_at', 'bigint')
      .addPrimaryKeyConstraint('pre_auth_keys_pk', ['tailnet_id', 'id'])
      .addUniqueConstraint('pre_auth_keys_id', ['id'])
      .addForeignKeyConstraint('keys_tailnet', ['tailnet_id'], 'tailnets', ['id'], deferred)
      .addForeignKeyConstraint(
        'keys_user',
        ['tailnet_id', 'user_id'],
        'users',
        ['tailnet_id', 'id'],
        deferred,
      ),
    schema
      .createTable('nodes')
      .addColumn('tailnet_id', 'text', (column) => column.notNull())
      .addColumn('id', 'bigint', (column) => column.notNull())
      .addColumn('stable_id', 'text', (column) => column.notNull())
      .addColumn('machine_key', 'text', (column) => column.notNull())
      .addColumn('node_key', 'text', (column) => column.notNull())
      .addColumn('disco_key', 'text')
      .addColumn('user_id', 'bigint')
      .addColumn('tags', 'text', (column) => column.notNull())
      .addColumn('ephemeral', 'smallint', (column) => column.notNull())
      .addColumn('ipv4', 'text', (column) => column.notNull())
      .addColumn('ipv6', 'text', (column) => column.notNull())
      .addColumn('label', 'text', (column) => column.notNull())
      .addColumn('label_given', 'smallint', (column) => column.notNull())
      .addColumn('host_name', 'text', (column) => column.notNull())
      .addColumn('host_info', 'text', (column) => column.notNull())
      .addColumn('net_info', 'text')
      .addColumn('endpoints', 'text', (column) => column.notNull())
      .addColumn('cap_version', 'bigint', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('key_expiry', 'bigint')
      .addColumn('last_seen', 'bigint')
      .addPrimaryKeyConstraint('nodes_pk', ['tailnet_id', 'id'])
      .addUniqueConstraint('nodes_id', ['id'])
      .addUniqueConstraint('nodes_stable_id', ['stable_id'])
      .addUniqueConstraint('nodes_node_key', ['node_key'])
      .addUniqueConstraint('nodes_ipv4', ['tailnet_id', 'ipv4'])
      .addUniqueConstraint('nodes_ipv6', ['tailnet_id', 'ipv6'])
      .addUniqueConstraint('nodes_label', ['tailnet_id', 'label'])
      .addForeignKeyConstraint('nodes_tailnet', ['tailnet_id'], 'tailnets', ['id'], deferred)
      .addForeignKeyConstraint(
        'nodes_user',
        ['tailnet_id', 'user_id'],
        'users',
        ['tailnet_id', 'id'],
        deferred,
      ),
    // One machine may have a node per user: looked up by it, not unique.
    schema.createIndex('nodes_machine_key').on('nodes').column('machine_key'),
  ],
};
