/**
 * Mappings at routers that may outlive this process, in `port-mappings.json` of the state directory: a daemon that
 * was killed takes its mapping up again, or deletes it when its port is another one. Losing the file costs a mapping
 * that runs out by itself.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { asObject, parseJsonText } from '@warren/core/base/json';
import type { RememberedMapping } from '@warren/core/portmap/io';
import { parseRemembered } from '@warren/core/portmap/mapping-memory';
import { FileError } from '@warren/shell/errors';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

const FILE_NAME = 'port-mappings.json';

export class MappingFile {
  readonly #path: string;
  readonly #log: Logger;

  constructor(stateDir: string, log: Logger) {
    this.#path = join(stateDir, FILE_NAME);
    this.#log = log;
  }

  /** A damaged file is kept aside under another name. */
  read(): readonly RememberedMapping[] {
    const isThere = existsSync(this.#path);
    const mappings = this.#tryTo(() =>
      readStateFile({
        path: this.#path,
        what: "the router's port mappings",
        parse,
        onCorrupt: 'keep-aside',
      }),
    );
    if (isThere && mappings === undefined) {
      this.#log.warn('port mappings of earlier runs are left alone: their file could not be read', {
        file: this.#path,
      });
    }
    return mappings ?? [];
  }

  write(mappings: readonly RememberedMapping[]): void {
    this.#tryTo(() => writeFileAtomic(this.#path, `${JSON.stringify({ mappings })}\n`));
  }

  /** Undefined where the disk fails; mapping goes on without. */
  #tryTo<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#log.warn('port mappings are not remembered', { reason: error.message });
      return undefined;
    }
  }
}

/** Undefined: the file is damaged. */
function parse(text: string): readonly RememberedMapping[] | undefined {
  return parseRemembered(asObject(parseJsonText(text))?.['mappings']);
}
