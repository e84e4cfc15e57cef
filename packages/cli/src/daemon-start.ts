/**
 * Starts a daemon in the background: its own session, output into a log file of the state directory, and
 * back only when its socket answers or it is clear that it won't.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WarrenError } from '@warren/core/base/errors';
import { ensureDirectory } from '@warren/shell/files/atomic-file';
import { CliError, DaemonStartError } from './errors.js';
import { LocalClient } from './local-client.js';

/** A slow machine compiles and self-tests for a few seconds; longer means it hangs. */
const START_MS = 10_000;
/** Short against what a person notices, long against a connect. */
const POLL_MS = 50;
/** One older log is kept beside the present one. */
const LARGEST_LOG_BYTES = 10 * 1024 * 1024;
/** Of a daemon's log, shown when it didn't come up. */
const TAIL_LINES = 8;

export interface DaemonStart {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly socketPath: string;
  readonly stateDir: string;
  readonly signal: AbortSignal;
  /** How long it may take to answer; absent: {@link START_MS}. */
  readonly waitMs?: number;
  /** Secrets of the caller have no place in a process that lives for months. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface StartedDaemon {
  readonly pid: number;
  readonly logFile: string;
}

/** Where the daemon that `up` starts writes its log. */
export function daemonLogFile(stateDir: string): string {
  return join(stateDir, 'daemon.log');
}

function openLog(logFile: string): number {
  try {
    if (statSync(logFile).size > LARGEST_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
  } catch {
    // There is none yet.
  }
  return openSync(logFile, 'a', 0o600);
}

/** The last lines of `text` that say something. */
export function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count);
}

interface Ending {
  /** Completes "the daemon ...". */
  readonly what: string;
  readonly exitCode?: number;
}

function failure(ending: Ending, logFile: string, sizeBefore: number): DaemonStartError {
  let tail: string[] = [];
  try {
    tail = lastLines(readFileSync(logFile).subarray(sizeBefore).toString('utf8'), TAIL_LINES);
  } catch {
    // The message still names the file.
  }
  const quoted = ['; its last words:', ...tail.map((line) => `    ${line}`)].join('\n');
  return new DaemonStartError(
    `the daemon ${ending.what}${tail.length === 0 ? '' : quoted}`,
    `see its log ${logFile}, or run \`warren daemon\` in the foreground`,
    ending.exitCode,
  );
}

/** Answers at all: a refusal is an answer too. */
async function answers(socketPath: string, signal: AbortSignal): Promise<boolean> {
  try {
    await new LocalClient(socketPath, signal).status();
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return error instanceof WarrenError && !(error instanceof CliError);
  }
}

/** Spawns the daemon and waits for its socket. Throws `DAEMON_START` with the log's last lines. */
export async function startDaemon(start: DaemonStart): Promise<StartedDaemon> {
  ensureDirectory(start.stateDir);
  const logFile = daemonLogFile(start.stateDir);
  const log = openLog(logFile);
  const sizeBefore = statSync(logFile).size;
  const [program, ...args] = start.command;
  const child = spawn(program, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log],
    env: start.environment,
  });
  closeSync(log);
  let ended: Ending | undefined;
  child.on('error', (error) => {
    ended = { what: `could not be started: ${error.message}` };
  });
  child.on('exit', (code, signal) => {
    ended =
      code === null
        ? { what: `was ended by ${signal ?? 'a signal'}` }
        : { what: `ended at once with code ${code}`, exitCode: code };
  });
  child.unref();
  const waitMs = start.waitMs ?? START_MS;
  const deadlineMs = performance.now() + waitMs;
  try {
    while (performance.now() < deadlineMs) {
      await sleep(POLL_MS, undefined, { signal: start.signal });
      if (ended !== undefined) throw failure(ended, logFile, sizeBefore);
      if (await answers(start.socketPath, start.signal)) return { pid: child.pid ?? 0, logFile };
    }
    throw failure({ what: `did not answer within ${waitMs / 1000} s` }, logFile, sizeBefore);
  } catch (error) {
    // Nobody was told about it, so nobody would end it.
    child.kill();
    throw error;
  }
}
