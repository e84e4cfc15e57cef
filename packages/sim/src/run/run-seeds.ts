/** Runs seeds one after the other in this process, or shared out over several. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { runSeed, type SeedResult } from '../fuzz/run-seed.js';

export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** A world that fails an assertion of ours is broken too, and must not end the run. */
export function runSafely(seed: number, onLine?: (line: string) => void): SeedResult {
  const crypto = createNodeCrypto();
  try {
    return runSeed({ seed, crypto, ...(onLine === undefined ? {} : { onLine }) });
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      seed,
      breaks: [{ checker: 'assertion', atMs: 0, what }],
      fingerprint: '',
      machines: 0,
      faults: [],
      virtualMs: 0,
      events: 0,
      messages: 0,
      worst: { hardMs: 0, softMs: 0 },
    };
  }
}

/** `from`: the first that is not done. */
export function runHere(
  { last }: SeedRange,
  from: number,
  onResult: (result: SeedResult) => void,
): void {
  for (let seed = from; seed <= last; seed++) onResult(runSafely(seed));
}

/** Every n-th seed in each of n processes, from where each is to begin. Rejects when one of them dies. */
export async function runShared(
  { last }: SeedRange,
  from: readonly number[],
  onResult: (result: SeedResult) => void,
): Promise<void> {
  await Promise.all(from.map((first) => runJob(first, last, from.length, onResult)));
}

function runJob(
  first: number,
  last: number,
  step: number,
  onResult: (result: SeedResult) => void,
): Promise<void> {
  const script = fileURLToPath(new URL('./job.js', import.meta.url));
  const job = fork(script, [String(first), String(last), String(step)]);
  job.on('message', (result) => onResult(result as SeedResult));
  return new Promise((resolve, reject) => {
    job.on('error', reject);
    job.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`a job ended with ${signal ?? code ?? 'nothing'}`));
    });
  });
}
