/**
 * Loads the part of Warren that a command needs. A machine that is only a node has no servers installed,
 * and then the person is told which package is missing instead of seeing a module error.
 */
import { CliError } from './errors.js';

/** Runs `load`, a dynamic import from package `name`. */
export async function loadPart<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      throw new CliError(
        'PACKAGE_MISSING',
        `this command needs ${name}, and a part of it is not installed: ${message.split('\n', 1)[0]}`,
        'install Warren with all its packages; in a checkout, run the launcher ./warren',
        { cause: error },
      );
    }
    throw error;
  }
}
