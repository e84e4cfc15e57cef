import { assert } from '@warren/core/base/assert';
import { initial } from './0001-initial.js';
import { pathChanges } from './0002-path-changes.js';
import { approvals } from './0003-approvals.js';
import { routes } from './0004-routes.js';
import { policies } from './0005-policies.js';
import { wireguardNodes } from './0006-wireguard-nodes.js';
import { adminApi } from './0007-admin-api.js';
import type { Migration } from './migration.js';

/** Every step, in order. */
export const allMigrations: readonly Migration[] = [
  initial,
  pathChanges,
  approvals,
  routes,
  policies,
  wireguardNodes,
  adminApi,
];

/** The steps that a database of `version` lacks; 0: an empty one. */
export function migrationsAfter(
  version: number,
  migrations: readonly Migration[] = allMigrations,
): readonly Migration[] {
  for (const [index, { number }] of migrations.entries()) {
    assert(number === index + 1, 'migrations are numbered without gaps');
  }
  return migrations.slice(version);
}
