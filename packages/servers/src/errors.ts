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
  | 'AUTH_KEY_UNKNOWN'
  | 'AUTH_KEYS_FULL'
  | 'NODE_UNKNOWN'
  /** Another machine has the name. */
  | 'NODE_NAME_TAKEN'
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
