/**
 * The control server's state: in memory as an immutable value, in the database as rows.
 *
 * Two kinds of change. A `change` (who may join, who joined) is on disk before anybody hears of it; when it
 * can't be written nothing changed. A `note` (endpoints, last seen) is heard of at once and written within a
 * second, because nodes say such things again after a restart.
 *
 * Changes are decided by pure functions of the present state and answered by promises: a database that
 * several servers share may refuse a write and have it decided again. See docs/adr/0003-one-state-one-writer.md.
 */
import type { ControlState } from '@warren/core/control/server/state';
import { changesBetween } from '@warren/core/control/server/state-changes';
import type { Logger } from '@warren/shell/log';
import type { ControlDatabase } from './database/control-database.js';

/** How long notes gather: they may come many times a second, and a write takes milliseconds. */
const NOTE_DELAY_MS = 1000;
/** How long to wait before notes that could not be written are tried again: a full disk stays full a while. */
const NOTE_RETRY_MS = 5000;

/** What a decision leads to. */
export interface Change<Result> {
  /** The same object when nothing changes. */
  readonly state: ControlState;
  readonly result: Result;
}

export interface StateStoreOptions {
  readonly database: ControlDatabase;
  readonly log: Logger;
  /** Hears of every new state; `isDurable` tells a change from a note. */
  readonly onChange: (state: ControlState, isDurable: boolean) => void;
}

export class StateStore {
  readonly #database: ControlDatabase;
  readonly #log: Logger;
  readonly #onChange: StateStoreOptions['onChange'];
  #state: ControlState;
  /** What the database holds; notes are ahead of it. */
  #written: ControlState;
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;

  constructor(options: StateStoreOptions) {
    this.#database = options.database;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#state = options.database.stored.state;
    this.#written = this.#state;
  }

  get state(): ControlState {
    return this.#state;
  }

  /**
   * Decides on the present state, makes the outcome durable, then true, and answers its result. Rejects with
   * FileError when it can't be written, and the state is as before. `decide` must be pure.
   */
  // Async, so that a throw of `decide` or of the database is a rejection.
  // eslint-disable-next-line @typescript-eslint/require-await
  async change<Result>(decide: (state: ControlState) => Change<Result>): Promise<Result> {
    const { state, result } = decide(this.#state);
    if (state !== this.#state) {
      this.#write(state);
      this.#become(state, true);
    }
    return result;
  }

  /** Makes the outcome true now and durable soon. */
  note(decide: (state: ControlState) => ControlState): void {
    const next = decide(this.#state);
    if (next === this.#state) return;
    this.#become(next, false);
    this.#arm(NOTE_DELAY_MS);
  }

  /** Writes a whole copy of the database to a new file, with all that is noted. Throws FileError. */
  backup(file: string): void {
    if (this.#state !== this.#written) this.#write(this.#state);
    this.#database.backup(file);
  }

  /** Writes what is not written yet. */
  close(): void {
    this.#flush();
    clearTimeout(this.#timer);
    this.#database.close();
  }

  #become(next: ControlState, isDurable: boolean): void {
    this.#state = next;
    this.#onChange(next, isDurable);
  }

  #arm(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#flush(), delayMs);
  }

  #flush(): void {
    this.#cancelTimer();
    if (this.#state === this.#written) return;
    try {
      this.#write(this.#state);
    } catch (error) {
      if (!this.#isFailing) this.#log.error('notes could not be written; tried again', { error });
      this.#isFailing = true;
      this.#arm(NOTE_RETRY_MS);
    }
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #write(state: ControlState): void {
    this.#database.write(changesBetween(this.#written, state));
    this.#written = state;
    this.#cancelTimer();
    if (this.#isFailing) this.#log.info('notes are written again');
    this.#isFailing = false;
  }
}
