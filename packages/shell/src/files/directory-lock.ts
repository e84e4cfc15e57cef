/**
 * One process at a time in a state directory: two daemons with one identity would fight for its address, two
 * hubs would lose each other's machines.
 *
 * The lock is the kernel's flock on the file `lock`, so it ends with its holder, however that ends. Node has
 * no flock; the system's own `flock` command takes it on a descriptor that we share with it, and the lock
 * belongs to the open file, not to the command. Where there is no such command (macOS, Windows) nothing is
 * locked, and the answer says so.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import * as path from 'node:path';
import { StateLockedError } from '../errors.js';
import { ensureDirectory, unwritable } from './atomic-file.js';

const FILE_NAME = 'lock';
/** Who else would lock it belongs to us, so it is private like the rest. */
const FILE_MODE = 0o600;
/** It never waits; this is for a machine in trouble. */
const COMMAND_MS = 5_000;
/** What util-linux and busybox end with when another one has the lock. */
const EXIT_TAKEN = 1;

export interface DirectoryLock {
  /** False: this system can't lock, and nobody was kept off. */
  readonly isReal: boolean;
  /** Safe to call twice. */
  release(): void;
}

/**
 * Takes the directory (made when it is missing) for this process. Throws {@link StateLockedError} when another
 * one has it, and FileError.
 */
export function lockDirectory(directory: string): DirectoryLock {
  ensureDirectory(directory);
  const file = path.join(directory, FILE_NAME);
  let descriptor: number | undefined = open(file);
  const release = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const { status } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: COMMAND_MS,
  });
  if (status === EXIT_TAKEN) {
    const holder = readHolder(file);
    release();
    throw new StateLockedError(directory, holder);
  }
  if (status === 0) writeHolder(descriptor);
  return { isReal: status === 0, release };
}

function open(file: string): number {
  try {
    return openSync(file, 'a+', FILE_MODE);
  } catch (error) {
    throw unwritable(file, error);
  }
}

/** For the other one's error message only: a full disk must not matter. */
function writeHolder(descriptor: number): void {
  try {
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid}\n`);
  } catch {
    // The lock holds without a name.
  }
}

function readHolder(file: string): number | undefined {
  const text = readFileSync(file, 'utf8').trim();
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
