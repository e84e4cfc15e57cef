/** What a failure of the database means to people, in the codes of files. */
import { FileError } from '@warren/shell/errors';
import { Damage } from './record-reader.js';
import { SqliteFailure } from './sqlite-driver.js';

export function corrupt(file: string, what: string, cause?: unknown): FileError {
  return new FileError(
    'FILE_CORRUPT',
    file,
    `the control server's database is damaged: ${file}: ${what}`,
    'Restore it from a backup (`warren control backup` makes them); or move it and what begins with its name away to start anew: every machine has to join again then. It was not changed.',
    cause,
  );
}

const unwritable = (file: string, reason: string, hint: string, cause: unknown): FileError =>
  new FileError('FILE_UNWRITABLE', file, `can't write ${file}: ${reason}`, hint, cause);

/** The error for people; what is none of the database's is given back as it is. */
export function databaseError(file: string, error: unknown): unknown {
  if (error instanceof Damage) return corrupt(file, error.message, error);
  if (!(error instanceof SqliteFailure)) return error;
  switch (error.kind) {
    case 'damaged':
      return corrupt(file, error.message, error);
    case 'full':
      return unwritable(
        file,
        `ENOSPC: ${error.message}`,
        'The disk is full: free some space and try again.',
        error,
      );
    case 'read-only':
      return unwritable(file, error.message, 'Give this user the rights to write it.', error);
    case 'busy':
      return unwritable(
        file,
        `another program has it open: ${error.message}`,
        'Close that program; `warren control backup` makes a copy to look at.',
        error,
      );
    case 'io':
    case 'cannot-open':
      return unwritable(file, error.message, 'Check the disk and the path.', error);
    case 'constraint':
    case 'other':
      return error;
  }
}

/** Runs `work` and throws its failures in the words for people. */
export function explained<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw databaseError(file, error);
  }
}
