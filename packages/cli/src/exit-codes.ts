/**
 * Exit codes of every command: 0 done, 1 to 9 the command's own meanings, the rest as in sysexits.h and
 * as shells do for signals. docs/errors.md lists them, and a test compares that page with these tables.
 */

export const EXIT_DONE = 0;
/** The operation was understood and refused or failed. */
export const EXIT_FAILED = 1;
/** Nothing to ask: no such peer, node or key, or the node is stopped. Apart from what `ping` found out (0, 1, 2). */
export const EXIT_NOT_THERE = 3;
/** Wrong command line. */
export const EXIT_USAGE = 64;
/** Daemon or server can't be reached. */
export const EXIT_UNREACHABLE = 69;
/** Warren itself is wrong. */
export const EXIT_BUG = 70;
/** Rights are missing. */
export const EXIT_RIGHTS = 77;
/** 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130;
/** 128 + SIGTERM. */
export const EXIT_TERMINATED = 143;

/** Error codes whose exit code isn't {@link EXIT_FAILED}, of all packages. */
const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  USAGE: EXIT_USAGE,
  AUTH_KEY_FORMAT: EXIT_USAGE,
  LOGIN_SERVER_MISSING: EXIT_USAGE,
  LOGIN_SERVER_URL: EXIT_USAGE,
  STATIC_ENDPOINT: EXIT_USAGE,
  CONFIG_INVALID: EXIT_USAGE,
  DAEMON_ABSENT: EXIT_UNREACHABLE,
  DAEMON_LOST: EXIT_UNREACHABLE,
  DAEMON_START: EXIT_UNREACHABLE,
  HUB_ABSENT: EXIT_UNREACHABLE,
  HUB_LOST: EXIT_UNREACHABLE,
  STARTING: EXIT_UNREACHABLE,
  SERVER_UNREACHABLE: EXIT_UNREACHABLE,
  PEER_UNKNOWN: EXIT_NOT_THERE,
  NOT_RUNNING: EXIT_NOT_THERE,
  NETCHECK_UNFINISHED: EXIT_NOT_THERE,
  RELAY_MAP_UNKNOWN: EXIT_NOT_THERE,
  AUTH_KEY_UNKNOWN: EXIT_NOT_THERE,
  LOGIN_UNKNOWN: EXIT_NOT_THERE,
  SSH_CHECK_UNKNOWN: EXIT_NOT_THERE,
  NODE_UNKNOWN: EXIT_NOT_THERE,
  TOKEN_UNKNOWN: EXIT_NOT_THERE,
  USER_UNKNOWN: EXIT_NOT_THERE,
  BUG: EXIT_BUG,
  RIGHTS: EXIT_RIGHTS,
  TOKEN_INVALID: EXIT_RIGHTS,
  TOKEN_SCOPE: EXIT_RIGHTS,
  TUN_RIGHTS: EXIT_RIGHTS,
  SOCKET_RIGHTS: EXIT_RIGHTS,
  PORT_DENIED: EXIT_RIGHTS,
};

/** The exit code for an error's `code`. */
export function exitCodeOf(code: string): number {
  return EXIT_BY_CODE[code] ?? EXIT_FAILED;
}
