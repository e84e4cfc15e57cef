/**
 * The node scripts that run inside a world, by name: `world/init`, `delay/delayer`, `probe/nat-probe`,
 * `probe/echo-server`, `probe/port-mapping-probe`, `probe/hop-sender`, `probe/hop-receiver`,
 * `probe/udp-burst`, `probe/kernel-offload`, `traffic/transfer-agent`, `traffic/cross-traffic`.
 *
 * They run from `dist/`, whether this module itself runs from `dist/` or, under a test runner, from `src/`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LabError } from './errors.js';

/** Absolute path of a built script of this package. */
export function scriptPath(script: string): string {
  const path = fileURLToPath(new URL(`../dist/${script}.js`, import.meta.url));
  if (!existsSync(path)) {
    throw new LabError('LAB_NOT_BUILT', `${path} does not exist`, 'run: npm run build');
  }
  return path;
}

/** An argv that runs a script of this package with this Node.js. */
export function scriptArgv(script: string, ...args: readonly string[]): string[] {
  return [process.execPath, scriptPath(script), ...args];
}
