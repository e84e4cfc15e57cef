/** Runs the built command line as a process of its own, as people do. Needs `npm run build`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** From src and from dist alike. */
export const MAIN_SCRIPT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface CliOutcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  /** Added to a minimal environment without any WARREN_*. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs as this user; only root may. */
  readonly uid?: number;
  /** Sees the process right after its start. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Sees stdout as it grows. */
  readonly onOutput?: (out: string, child: ChildProcess) => void;
}

/** Runs `warren ARGS` to its end, without a terminal: it never asks sudo. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN_SCRIPT, ...args], {
      // A session of its own: no terminal to ask on.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...options.environment },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString('utf8');
      options.onOutput?.(out, child);
    });
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
    options.onStart?.(child);
  });
}
