/**
 * The ciphers out of the OpenSSL of other Nodes against their node:crypto: 100,000 random packets each. Under the
 * Node that runs the tests the same is differential.test.ts.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

const PACKETS = 100_000;
const SEED = Number(process.env['WARREN_SEED'] ?? 0x22_8439);
/** What scripts/install-nodes.sh installs; a later release of one of these will do. */
const MAJORS = [22, 24];
const PROGRAM = fileURLToPath(new URL('../../dist/crypto/differential-main.js', import.meta.url));

function findNode(major: number): string | undefined {
  const { WARREN_PEERS_DIR: own, XDG_CACHE_HOME: cache } = process.env;
  const root = own || join(cache || join(homedir(), '.cache'), 'warren-peers');
  const places = existsSync(root) ? readdirSync(root) : [];
  const place = places.find((name) => name.startsWith(`node@${major}.`));
  return place === undefined ? undefined : join(root, place, 'node');
}

test.for(MAJORS)('Node %i: raw and evp agree with node:crypto', async (major, { skip }) => {
  const node = findNode(major);
  if (node === undefined) {
    const words = `Node ${major} is not installed; to install it: scripts/install-nodes.sh`;
    if (process.env['CI'] === 'true') throw new Error(words);
    return skip(words);
  }
  const line = [PROGRAM, `${PACKETS}`, `${SEED}`, 'raw', 'evp'];
  const { stdout } = await run(node, line, { env: {} });
  const results = stdout.trim().split('\n');
  expect(results).toEqual(['{"name":"raw","fault":null}', '{"name":"evp","fault":null}']);
});
