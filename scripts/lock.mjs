/**
 * Writes package-lock.json anew (`npm run lock`, after a change of dependencies).
 *
 * In a directory of its own, because npm forgets other platforms' optional packages when it finds a
 * node_modules; and without the registry's addresses, because every machine asks the registry it is set up
 * for and integrity hashes say that the answer is right.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const directory = mkdtempSync(join(tmpdir(), 'warren-lock-'));
try {
  for (const workspace of ['.', ...manifest.workspaces]) {
    const file = join(workspace, 'package.json');
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(root, file), join(directory, file));
  }
  cpSync(join(root, '.npmrc'), join(directory, '.npmrc'));
  execFileSync('npm', ['install', '--package-lock-only'], { cwd: directory, stdio: 'inherit' });
  const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8'));
  for (const entry of Object.values(lock.packages)) {
    if (/^https?:/.test(entry.resolved ?? '')) delete entry.resolved;
  }
  const text = `${JSON.stringify(lock, undefined, 2)}\n`;
  writeFileSync(join(root, 'package-lock.json'), text);
} finally {
  rmSync(directory, { recursive: true });
}
