/**
 * The control server's state on disk: one JSON file, mode 0600, replaced whole and flushed.
 *
 * Two kinds of change. A commit (who may join, who joined) is on disk before anybody hears of it; when it
 * can't be written nothing changed. A note (endpoints, last seen) is heard of at once and written within a
 * second, because nodes say such things again after a restart.
 *
 * A file that makes no sense stops the server and stays as it is: an empty state in its place would give
 * every machine's address to somebody else.
 */
import { type ControlState, emptyState } from '@warren/core/control/server/state';
import { decodeState, encodeState, stateVersion } from '@warren/core/control/server/state-json';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../errors.js';

/** How long notes gather: they may come many times a second, and a write takes milliseconds. */
const NOTE_DELAY_MS = 1000;

/** The version that this program writes. */
const VERSION = 1;

export class StateStore {
  readonly #path: string;
  readonly #log: Logger;
  readonly #onChange: (state: ControlState, isCommit: boolean) => void;
  #state: ControlState;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Reads the file, or starts empty when there is none. Throws FileError or {@link ControlError}. `onChange`
   * hears of every new state.
   */
  constructor(
    path: string,
    log: Logger,
    onChange: (state: ControlState, isCommit: boolean) => void,
  ) {
    this.#path = path;
    this.#log = log;
    this.#onChange = onChange;
    const stored = readStateFile({
      path,
      what: "the control server's state",
      parse: (text) => {
        refuseNewer(path, text);
        return decodeState(text);
      },
      onCorrupt: 'refuse',
    });
    this.#state = stored ?? emptyState();
    if (stored === undefined) this.#write(this.#state);
  }

  get state(): ControlState {
    return this.#state;
  }

  /** Makes `next` durable, then true. Throws FileError, and the state is as before. */
  commit(next: ControlState): void {
    if (next === this.#state) return;
    this.#write(next);
    this.#cancelTimer();
    this.#become(next, true);
  }

  /** Makes `next` true now and durable soon. */
  note(next: ControlState): void {
    if (next === this.#state) return;
    this.#become(next, false);
    this.#timer ??= setTimeout(() => this.#flush(), NOTE_DELAY_MS);
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#timer !== undefined) this.#flush();
  }

  #become(next: ControlState, isCommit: boolean): void {
    this.#state = next;
    this.#onChange(next, isCommit);
  }

  #flush(): void {
    this.#cancelTimer();
    try {
      this.#write(this.#state);
    } catch (error) {
      // The next note or commit tries again; nodes repeat what is lost.
      this.#log.error('the state could not be written', { error });
    }
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #write(state: ControlState): void {
    writeFileAtomic(this.#path, encodeState(state));
  }
}

function refuseNewer(path: string, text: string): void {
  const version = stateVersion(text);
  if (version === undefined || version <= VERSION) return;
  throw new ControlError(
    'CONTROL_STATE_VERSION',
    `the control server's state was written by a newer Warren (format ${version}): ${path}`,
    'Run that version again, or restore a backup from before the upgrade. The file was not changed.',
  );
}
