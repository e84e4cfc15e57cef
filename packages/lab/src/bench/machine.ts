/** Where and of what figures were measured. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGB: number;
  readonly kernel: string;
  readonly node: string;
  /** Of TCP in the worlds. */
  readonly congestion: string;
}

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const SHORT_COMMIT = 10;

/** `congestion`: what runs are told to use; absent: the system's. */
export function describeMachine(congestion?: string): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.versions.node,
    congestion:
      congestion ?? readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
  };
}

/** The clone's commit, with `+` when files differ from it; null where there is no clone or no git. */
export async function currentCommit(): Promise<string | null> {
  const git = (...args: readonly string[]) => promisify(execFile)('git', ['-C', ROOT, ...args]);
  try {
    const { stdout: commit } = await git('rev-parse', `--short=${SHORT_COMMIT}`, 'HEAD');
    const { stdout: changes } = await git('status', '--porcelain', '--untracked-files=no');
    return commit.trim() + (changes === '' ? '' : '+');
  } catch {
    return null;
  }
}
