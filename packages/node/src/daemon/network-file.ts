/**
 * What is remembered of networks, kept over restarts in `networks.json` of the state directory (network-records.ts).
 * It is written a minute after a change at the earliest, and at the end: attempts against hard NATs come by the
 * dozen, and what a killed daemon loses is measured again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RememberedNetwork } from '@warren/core/path-engine/remembered-network';
import type { Clock } from '@warren/shell/clock';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import { formatNetworks, parseNetworks } from './network-records.js';

const FILE_NAME = 'networks.json';
const WRITE_DELAY_MS = 60_000;

export class NetworkFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #networks: readonly RememberedNetwork[];
  #timer: NodeJS.Timeout | undefined;

  /** Loads what earlier runs left; a damaged file is kept aside under another name. */
  constructor(stateDir: string, clock: Clock, log: Logger) {
    this.#path = join(stateDir, FILE_NAME);
    this.#clock = clock;
    this.#log = log;
    this.#networks = this.#load();
  }

  /** For an engine that starts now. */
  get networks(): readonly RememberedNetwork[] {
    return this.#networks;
  }

  keep(networks: readonly RememberedNetwork[]): void {
    this.#networks = networks;
    this.#timer ??= setTimeout(() => this.#write(), WRITE_DELAY_MS);
    this.#timer.unref();
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#timer !== undefined) this.#write();
  }

  #load(): readonly RememberedNetwork[] {
    const isThere = existsSync(this.#path);
    const networks = this.#tryTo(() =>
      readStateFile({
        path: this.#path,
        what: 'what is remembered of networks',
        parse: (text) => parseNetworks(text, this.#clock),
        onCorrupt: 'keep-aside',
      }),
    );
    if (isThere && networks === undefined) {
      this.#log.warn('networks are learnt anew: their file could not be read', {
        file: this.#path,
      });
    }
    return networks ?? [];
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tryTo(() => writeFileAtomic(this.#path, formatNetworks(this.#networks, this.#clock)));
  }

  /** Everything in it can be measured again: what can't be read or written is told in the log. */
  #tryTo<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn('what was learnt of networks is not kept', { reason });
      return undefined;
    }
  }
}
