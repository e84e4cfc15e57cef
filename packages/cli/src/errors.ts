/** Errors of the command line. Codes are stable and listed in docs/errors.md with their exit codes. */
import { WarrenError } from '@warren/core/base/errors';

export type CliErrorCode =
  /** Wrong flags or arguments. */
  | 'USAGE'
  /** No daemon answers on its socket. */
  | 'DAEMON_ABSENT'
  /** The daemon stopped answering in the middle. */
  | 'DAEMON_LOST'
  /** The daemon's answer isn't what this command understands. */
  | 'DAEMON_ANSWER'
  /** `up` started a daemon that didn't come up. */
  | 'DAEMON_START'
  /** `up` was given settings that the running daemon was started without. */
  | 'DAEMON_SETTINGS'
  /** No hub answers on its admin socket. */
  | 'HUB_ABSENT'
  | 'HUB_LOST'
  | 'HUB_ANSWER'
  /** The hub has no such node. */
  | 'NODE_UNKNOWN'
  /** All routes of a machine were to be approved that announces none. */
  | 'NO_ROUTES'
  /** The hub has no such user. */
  | 'USER_UNKNOWN'
  /** Root, or a group, is needed. */
  | 'RIGHTS'
  /** A part of Warren that this command needs isn't installed. */
  | 'PACKAGE_MISSING'
  /** The operating system refused (port taken, disk full). */
  | 'SYSTEM'
  /** `up` wasn't through within --timeout. */
  | 'UP_TIMEOUT'
  /** The node is stopped or logged out. */
  | 'NOT_RUNNING'
  | 'PEER_UNKNOWN';

/** An error of the command line itself. */
export class CliError extends WarrenError {
  constructor(
    code: CliErrorCode,
    message: string,
    hint: string,
    options?: { readonly cause?: unknown },
  ) {
    super(code, message, hint, options);
    this.name = 'CliError';
  }
}

/**
 * Rights are missing. `purpose` completes "root is needed to ..."; the main program asks sudo when it can.
 * Thrown before anything was done, because the whole command is run again.
 */
export class RightsError extends CliError {
  readonly purpose: string;

  constructor(purpose: string, hint = 'run it as root, for example with sudo') {
    super('RIGHTS', `root is needed to ${purpose}`, hint);
    this.name = 'RightsError';
    this.purpose = purpose;
  }
}

/** A daemon that `up` started didn't come up; when it lacked rights, so does the command. */
export class DaemonStartError extends CliError {
  readonly exitCode: number | undefined;

  constructor(message: string, hint: string, exitCode: number | undefined) {
    super('DAEMON_START', message, hint);
    this.name = 'DaemonStartError';
    this.exitCode = exitCode;
  }
}

/** A wrong command line. */
export function usageError(message: string, hint: string): CliError {
  return new CliError('USAGE', message, hint);
}
