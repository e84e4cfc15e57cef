/**
 * Runs shell blocks of README.md as they are written, in the repository's root: `node run-blocks.js start`.
 * Ends with the first command that fails. Prints how long each took.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BLOCKS_ON_A_COMPUTER } from './blocks.js';
import { commandsOf, shellBlocks } from './shell-blocks.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

function run(command: string): void {
  process.stdout.write(`\n$ ${command}\n`);
  const startedAt = performance.now();
  const { status, signal } = spawnSync('bash', ['-c', command], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(`(${seconds} s)\n`);
  if (status === 0) return;
  process.stderr.write(`README: \`${command}\` ended with ${status ?? signal}\n`);
  process.exit(1);
}

const names: readonly string[] = process.argv.slice(2);
const known: readonly string[] = BLOCKS_ON_A_COMPUTER;
const stranger = names.find((name) => !known.includes(name));
if (names.length === 0 || stranger !== undefined) {
  process.stderr.write(`usage: run-blocks.js BLOCK...; blocks: ${known.join(', ')}\n`);
  process.exit(64);
}
const blocks = shellBlocks(readFileSync(join(root, 'README.md'), 'utf8'));
for (const name of names) for (const command of commandsOf(blocks, name)) run(command);
