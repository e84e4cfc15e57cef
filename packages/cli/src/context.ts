/** What every command gets from the main program. */
import type { Terminal } from './terminal.js';

/** How this very process was started, to start another of its kind (sudo, a detached daemon). */
export interface Invocation {
  readonly execPath: string;
  readonly execArgs: readonly string[];
  /** The main script. */
  readonly script: string;
  /** Everything after the script. */
  readonly args: readonly string[];
}

export interface CliContext {
  readonly terminal: Terminal;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly invocation: Invocation;
  /** Set by commands that run until they are told to stop: then SIGTERM is a normal end. */
  isServer: boolean;
  /** Set by the command when it isn't 0. */
  exitCode: number;
}
