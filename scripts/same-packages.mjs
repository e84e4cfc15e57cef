/**
 * same-packages.mjs LOCK INSTALLED: exit 0 when node_modules (npm's hidden lock file INSTALLED) holds what
 * LOCK asks for, so that a newer but equal lock file costs no new installation. Runs in the root directory.
 */
import { existsSync, readFileSync } from 'node:fs';

const [wanted, installed] = process.argv
  .slice(2, 4)
  .map((file) => JSON.parse(readFileSync(file, 'utf8')).packages ?? {});

const isSame = (a, b) =>
  a.version === b.version && a.integrity === b.integrity && a.resolved === b.resolved;

/** Workspaces are links into the tree: no copy of them can be stale. */
const isOurs = (path) => path === '' || !path.includes('node_modules/');

const missing = Object.entries(wanted).filter(([path, entry]) => {
  if (isOurs(path) || entry.link) return false;
  const present = installed[path];
  // Builds for other platforms are optional and left out.
  if (present === undefined) return !entry.optional;
  return !isSame(entry, present) || !existsSync(path);
});
const superfluous = Object.keys(installed).filter((path) => wanted[path] === undefined);

process.exit(missing.length + superfluous.length === 0 ? 0 : 1);
