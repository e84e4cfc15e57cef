/**
 * Every code that this package throws at people, with the classes that carry them.
 *
 * Codes are stable; the message says what happened, the hint what to do next.
 */
import { WarrenError } from '@warren/core/base/errors';

/** What went wrong with a file or directory. */
export type FileErrorCode =
  /** The file does not exist although it must. */
  | 'FILE_MISSING'
  /** It exists, but can't be read (rights, not a regular file, too large, an I/O error). */
  | 'FILE_UNREADABLE'
  /** It was read and makes no sense. It is never overwritten. */
  | 'FILE_CORRUPT'
  /** It could not be created or replaced. */
  | 'FILE_UNWRITABLE';

/** A state file or directory is not as it should be. */
export class FileError extends WarrenError {
  declare readonly code: FileErrorCode;
  readonly path: string;

  constructor(code: FileErrorCode, path: string, message: string, hint: string, cause?: unknown) {
    super(code, message, hint, cause === undefined ? undefined : { cause });
    this.name = 'FileError';
    this.path = path;
  }
}

/** Another process uses the state directory. Code `STATE_LOCKED`. */
export class StateLockedError extends WarrenError {
  constructor(directory: string, holder: number | undefined) {
    const who = holder === undefined ? 'another process' : `another process (${holder})`;
    super(
      'STATE_LOCKED',
      `${who} uses the state directory ${directory}`,
      'stop that one, or give this one a directory of its own with --state-dir',
    );
    this.name = 'StateLockedError';
  }
}

/** A certificate can't serve. Code `CERTIFICATE_UNUSABLE`. */
export class CertificateError extends WarrenError {
  constructor(message: string, hint: string, cause?: unknown) {
    super('CERTIFICATE_UNUSABLE', message, hint, cause === undefined ? undefined : { cause });
    this.name = 'CertificateError';
  }
}

/** The cryptography of this machine gives wrong answers. Code `CRYPTO_SELF_TEST`. */
export class CryptoSelfTestError extends WarrenError {
  constructor(primitive: string, cause?: unknown) {
    super(
      'CRYPTO_SELF_TEST',
      `the cryptography self-test failed at ${primitive}`,
      'Do not use this Node.js build for Warren: install an official one (20.19, 22 or 24).',
      cause === undefined ? undefined : { cause },
    );
    this.name = 'CryptoSelfTestError';
  }
}

/** A file that people write is not as it must be. Code `CONFIG_INVALID`. */
export class ConfigError extends WarrenError {
  /** From 1, like the column. */
  readonly line: number;
  readonly column: number;
  readonly problem: string;

  constructor(path: string, line: number, column: number, problem: string) {
    super(
      'CONFIG_INVALID',
      `${path}:${line}:${column}: ${problem}`,
      'mend that line; the file is JSON, comments and trailing commas allowed',
    );
    this.name = 'ConfigError';
    this.line = line;
    this.column = column;
    this.problem = problem;
  }
}
