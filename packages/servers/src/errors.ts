/**
 * Every code that relay and control throw at people, with the classes that carry them.
 *
 * Codes are stable; the message says what happened, the hint what to do next.
 */
import { WarrenError } from '@warren/core/base/errors';

/** Why a socket can't be listened on. */
export type ListenErrorCode =
  /** Another program has the port. */
  | 'PORT_TAKEN'
  /** This user may not have it. */
  | 'PORT_DENIED'
  /** The address is none of this machine. */
  | 'ADDRESS_UNAVAILABLE'
  | 'LISTEN_FAILED';

/** A server can't listen where it should. */
export class ListenError extends WarrenError {
  declare readonly code: ListenErrorCode;

  constructor(code: ListenErrorCode, message: string, hint: string, cause?: unknown) {
    super(code, message, hint, cause === undefined ? undefined : { cause });
    this.name = 'ListenError';
  }
}

/** What is wrong with a control server or what it was asked to do. */
export type ControlErrorCode =
  /** A control server already runs on this admin socket. */
  | 'ADMIN_SOCKET_TAKEN'
  /** The admin socket can't be made at that path. */
  | 'ADMIN_SOCKET_PATH'
  /** The state was written by a newer Warren. */
  | 'CONTROL_STATE_VERSION'
  /** No driver for SQLite works here. */
  | 'SQLITE_MISSING'
  /** The control server's key was removed while it started. */
  | 'CONTROL_KEY_MISSING'
  /** A setting of the server makes no sense. */
  | 'CONTROL_SETTING'
  /** The server is not ready yet. */
  | 'STARTING'
  /** An operator's request makes no sense. */
  | 'REQUEST_INVALID'
  | 'REQUEST_TOO_LARGE'
  | 'TOO_MANY_REQUESTS'
  /** The admin API has nothing of that name. */
  | 'NOT_HERE'
  /** A request to the admin API has no token that is good. */
  | 'TOKEN_INVALID'
  /** The token is good, and not for that. */
  | 'TOKEN_SCOPE'
  | 'TOKEN_UNKNOWN'
  | 'TOKENS_FULL'
  /** The policy is that of a file: it is changed there. */
  | 'POLICY_IN_FILE'
  | 'AUTH_KEY_UNKNOWN'
  | 'AUTH_KEYS_FULL'
  /** No machine waits for a person under that id. */
  | 'LOGIN_UNKNOWN'
  /** A machine that waited can't be let in. */
  | 'LOGIN_FAILED'
  /** The user may not give its machines these tags. */
  | 'TAGS_NOT_PERMITTED'
  /** No SSH session waits under that id. */
  | 'SSH_CHECK_UNKNOWN'
  | 'NODE_UNKNOWN'
  /** Another machine has the name. */
  | 'NODE_NAME_TAKEN'
  /** Another machine has the node key. */
  | 'NODE_KEY_TAKEN'
  | 'NODES_FULL'
  | 'USER_UNKNOWN'
  /** Another user has the name. */
  | 'USER_TAKEN'
  | 'USERS_FULL'
  /** The user owns machines. */
  | 'USER_OWNS_NODES';

/** A control server can't start, or can't do what an operator asked for. */
export class ControlError extends WarrenError {
  declare readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, hint: string, cause?: unknown) {
    super(code, message, hint, cause === undefined ? undefined : { cause });
    this.name = 'ControlError';
  }
}

/** Tests that a policy file carries failed. Code `POLICY_TESTS`. */
export class PolicyTestsError extends WarrenError {
  readonly failures: readonly PolicyTestFailure[];

  constructor(path: string, failures: readonly PolicyTestFailure[]) {
    const lines = failures.map(({ line, problem }) => `${path}:${line}: ${problem}`);
    super(
      'POLICY_TESTS',
      lines.join('\n'),
      'mend the rules, or the tests if they are wrong; a policy counts when all of its tests pass',
    );
    this.name = 'PolicyTestsError';
    this.failures = failures;
  }
}

export interface PolicyTestFailure {
  readonly line: number;
  readonly problem: string;
}
