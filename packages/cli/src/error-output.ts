/**
 * How a failed command speaks: `error: what happened (CODE)` and a hint on stderr, or an ErrorReport on
 * stdout with --json; and which exit code it has.
 */
import { BugError } from '@warren/core/base/assert';
import { WarrenError } from '@warren/core/base/errors';
import type { ErrorReport } from '@warren/node/local-api/protocol';
import { CommanderError } from 'commander';
import { DaemonStartError } from './errors.js';
import { EXIT_RIGHTS, EXIT_UNREACHABLE, exitCodeOf } from './exit-codes.js';
import { printable } from './render/printable.js';
import type { Terminal } from './terminal.js';

export interface Failure {
  readonly report: ErrorReport['error'];
  readonly exitCode: number;
  /** Of our bugs. */
  readonly stack?: string;
}

/** What to do about the errors of the operating system that people meet. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses that port: stop it, or choose another port',
  EADDRNOTAVAIL: 'that address is not one of this machine: choose one of `ip address`',
  EACCES: 'run it as root, or use paths and ports that this user may use',
  EPERM: 'run it as root, or use paths and ports that this user may use',
  ENOSPC: 'the disk is full: free some space and try again',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  ECONNREFUSED: 'nothing listens there: check the address, and that the server runs',
  ENOTFOUND: 'that name does not exist: check its spelling and the DNS',
  EAI_AGAIN: 'the DNS does not answer: check the network',
  ETIMEDOUT: 'no answer came: check the address and the firewalls in between',
  EHOSTUNREACH: 'there is no way to that address: check the network',
  ENETUNREACH: 'there is no way to that network: check the network',
};
const RIGHTS = new Set(['EACCES', 'EPERM']);
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined;
}

/** Rights missing below a named error still end with 77. */
function exitCodeOfError(error: WarrenError): number {
  if (error instanceof DaemonStartError && error.exitCode === EXIT_RIGHTS) return EXIT_RIGHTS;
  const own = exitCodeOf(error.code);
  return own === 1 && RIGHTS.has(errnoOf(error.cause) ?? '') ? EXIT_RIGHTS : own;
}

function usageFailure(error: CommanderError, commandLine: string): Failure {
  // Commander's own text: "error: unknown command 'stats'\n(Did you mean status?)".
  const [first = '', suggestion] = error.message.split('\n');
  const guess = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? '')?.[1];
  const look = `see \`${commandLine} --help\``;
  return {
    report: {
      code: 'USAGE',
      message: first
        .replace(/^error: /, '')
        .replace(/\.$/, '')
        .replace("' is invalid. ", "' is invalid: "),
      hint: guess === undefined ? look : `did you mean ${guess}? Else ${look}`,
    },
    exitCode: exitCodeOf('USAGE'),
  };
}

function systemFailure(error: Error, errno: string): Failure {
  const exitCode = RIGHTS.has(errno)
    ? EXIT_RIGHTS
    : UNREACHABLE.has(errno)
      ? EXIT_UNREACHABLE
      : exitCodeOf('SYSTEM');
  return {
    report: {
      code: 'SYSTEM',
      message: error.message,
      hint: SYSTEM_HINTS[errno] ?? 'the operating system refused; the message says what',
    },
    exitCode,
  };
}

function bugFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    report: {
      code: 'BUG',
      message: `this is a bug in Warren: ${message}`,
      hint: 'please report it with the output of the same command under WARREN_DEBUG=1',
    },
    exitCode: exitCodeOf('BUG'),
    stack: (error instanceof Error ? error.stack : undefined) ?? message,
  };
}

/** What to say about anything thrown. `commandLine` names the command for its help: `warren ping`. */
export function failureOf(error: unknown, commandLine: string): Failure {
  if (error instanceof CommanderError) return usageFailure(error, commandLine);
  if (error instanceof WarrenError) {
    const { code, message, hint } = error;
    return { report: { code, message, hint }, exitCode: exitCodeOfError(error) };
  }
  const errno = error instanceof BugError ? undefined : errnoOf(error);
  return errno === undefined ? bugFailure(error) : systemFailure(error as Error, errno);
}

/** Lines may be quoted from a log; each is made printable on its own. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Says it. The stack of a bug is shown only where somebody asked for it. */
export function showFailure(
  failure: Failure,
  terminal: Terminal,
  options: { readonly json: boolean; readonly debug: boolean },
): void {
  const { report, stack } = failure;
  if (options.json) {
    terminal.printJsonLine({ error: report } satisfies ErrorReport);
  } else {
    const label = terminal.paintNote(['red', 'bold'], 'error:');
    const code = terminal.paintNote('dim', `(${printable(report.code)})`);
    terminal.note(`${label} ${printableLines(report.message)} ${code}`);
    if (report.hint !== '') {
      terminal.note(`  ${terminal.paintNote('cyan', 'hint:')} ${printableLines(report.hint)}`);
    }
  }
  if (options.debug && stack !== undefined) terminal.note(stack);
}
