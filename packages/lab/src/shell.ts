/** Enters a machine of a kept world: a shell there, or one command, on this terminal. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LabError } from './errors.js';
import { findWorld } from './kept-worlds.js';
import { cleanEnvironment, isRootless } from './world/channel.js';
import { enterView } from './world/views.js';

/** Exit code of a shell for a command that a signal has ended: this plus the signal's number. */
const signalExitBase = 128;

export interface EnterOptions {
  /** The kept world; needed when several run. */
  readonly world?: string;
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
  const rights = isRootless() ? ['--user', '--preserve-credentials'] : [];
  const intoWorld = ['--target', String(world.pid), ...rights, '--mount', '--pid', '--net', '--'];
  const child = spawn('nsenter', [...intoWorld, ...enterView(holder), ...argv], {
    stdio: 'inherit',
    env: { ...process.env, PATH: cleanEnvironment()['PATH'], WARREN_LAB_PLACE: machine },
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

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}
