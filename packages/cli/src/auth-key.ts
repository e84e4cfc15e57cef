/** The auth key as given: itself, or `file:PATH` so that it stays out of the process list. */
import { readFileStrict } from '@warren/shell/files/atomic-file';
import { usageError } from './errors.js';

const FILE_PREFIX = 'file:';
/** Keys with their pins have a few hundred characters. */
const LONGEST_KEY_CHARS = 4096;

/** The key itself. Throws USAGE when it can't be one, FILE_* when its file can't be read. */
export function resolveAuthKey(given: string): string {
  const isFile = given.startsWith(FILE_PREFIX);
  const key = isFile
    ? Buffer.from(readFileStrict(given.slice(FILE_PREFIX.length), "the auth key's file"))
        .toString('utf8')
        .trim()
    : given.trim();
  if (key === '' || key.length > LONGEST_KEY_CHARS || /[^\u0021-\u007e]/.test(key)) {
    throw usageError(
      isFile
        ? `${given.slice(FILE_PREFIX.length)} holds no auth key`
        : 'the auth key is empty or has characters that no key has',
      'make one on the hub with `warren control keys create`, and paste all of it',
    );
  }
  return key;
}
