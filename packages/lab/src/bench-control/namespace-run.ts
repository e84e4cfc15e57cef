/**
 * Runs the bench in a world of its own: a network namespace with nothing but its loopback, whose processes end with it, and
 * it with us. What they write is in a directory that is removed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findGoPeer } from '../interop/go-peers.js';
import { scriptArgv } from '../scripts.js';
import { cleanEnvironment, worldCommand } from '../world/channel.js';
import type { BenchOptions } from './options.js';
import type { Run, RunOptions } from './run-rounds.js';

/** What ends us, with what shells make of it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** All runs; rejects when the bench itself breaks. Progress goes to our stderr, or to `onProgress`. */
export async function runInNamespace(
  options: BenchOptions,
  onProgress?: (text: string) => void,
): Promise<readonly Run[]> {
  const directory = mkdtempSync(join(tmpdir(), 'warren-bench-control-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const headscale = findGoPeer('headscale');
  const inside: RunOptions = { ...options, directory, headscale };
  const [program = '', ...args] = [
    ...worldCommand(false),
    ...scriptArgv('bench-control/inside', JSON.stringify(inside)),
  ];
  const child = spawn(program, args, {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stops = Object.entries(SIGNALS).map(([signal, code]) => {
    const stop = (): void => {
      child.kill('SIGKILL');
      child.once('exit', () => {
        remove();
        process.exit(code);
      });
    };
    process.on(signal, stop);
    return () => process.off(signal, stop);
  });
  child.stderr
    .setEncoding('utf8')
    .on('data', onProgress ?? ((text: string) => process.stderr.write(text)));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`the bench ended with ${code ?? 'a signal'}`);
    return JSON.parse(text) as Run[];
  } finally {
    child.kill('SIGKILL');
    remove();
    for (const off of stops) off();
  }
}
