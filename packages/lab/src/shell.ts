/** Enters a machine of a kept world: a shell there, or one command, on this terminal. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { LabError } from './errors.js';
import { findWorld, type KeptWorld } from './kept-worlds.js';
import { cleanEnvironment, isRootless } from './world/channel.js';
import { enterView, layerPath } from './world/views.js';

/** Exit code of a shell for a command that a signal has ended: this plus the signal's number. */
const signalExitBase = 128;

/** Of a machine: the first directory of the shell's PATH. */
const binDirectory = '/run/bin';

export interface EnterOptions {
  /** The kept world; needed when several run. */
  readonly world?: string;
  /** What `warren` runs in there; a checkout is on nobody's PATH. */
  readonly commandLine?: readonly string[];
}

/**
 * Runs a command (default: an interactive bash) in a machine or host, with our terminal as its own; gives
 * its exit code. Throws LAB_WORLD_UNKNOWN and LAB_PLACE_UNKNOWN.
 */
export async function enterMachine(
  machine: string,
  argv: readonly string[] = ['bash', '-i'],
  options: EnterOptions = {},
): Promise<number> {
  const world = findWorld(options.world);
  const holder = world.holders[machine];
  if (holder === undefined) {
    throw new LabError(
      'LAB_PLACE_UNKNOWN',
      `there is no machine "${machine}" in the world "${world.name}"`,
      `use one of: ${world.views.join(', ')}`,
    );
  }
  if (options.commandLine !== undefined) provideWarren(world, machine, options.commandLine);
  const rights = isRootless() ? ['--user', '--preserve-credentials'] : [];
  const intoWorld = ['--target', String(world.pid), ...rights, '--mount', '--pid', '--net', '--'];
  const child = spawn('nsenter', [...intoWorld, ...enterView(holder), ...argv], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${binDirectory}:${cleanEnvironment()['PATH'] ?? ''}`,
      WARREN_LAB_PLACE: machine,
    },
  });
  // Ctrl-C is for the command: it reaches it through the terminal, and we wait for its end.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? signalExitBase + signalNumber(signal)));
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** Puts a `warren` into the machine; a shell that runs the former one meanwhile keeps it. */
function provideWarren(world: KeptWorld, machine: string, commandLine: readonly string[]): void {
  const directory = `/proc/${world.pid}/root${layerPath(machine, binDirectory)}`;
  const script = join(directory, 'warren');
  const fresh = `${script}.${process.pid}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(fresh, `#!/bin/sh\nexec ${commandLine.map(quoted).join(' ')} "$@"\n`);
  chmodSync(fresh, 0o755);
  renameSync(fresh, script);
}

/** A word of a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}
