/**
 * A file that is read now and again whenever it changes. It is looked at once a second: that works on every file
 * system, through symbolic links and for editors that write a new file in place of the old one. A change that
 * makes no sense is told in the log, and what was read before stays.
 */
import { statSync } from 'node:fs';
import { WarrenError } from '@warren/core/base/errors';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

/** Soon enough for who saves the file and looks; a stat call costs microseconds. */
const LOOK_MS = 1000;

export interface WatchedFileOptions<T> {
  readonly path: string;
  /** Others that `parse` reads; it is called again also when one of these changes. */
  readonly besides?: readonly string[] | undefined;
  /** Of sentences and of the log, such as "the DNS settings". */
  readonly what: string;
  /** Throws CONFIG_INVALID. */
  readonly parse: (path: string, bytes: Uint8Array) => T;
  readonly log: Logger;
  /** What holds when the first read fails; undefined: the failure is thrown. */
  readonly fallback?: (() => T | undefined) | undefined;
}

export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  /** What the file looked like before it was read last. */
  #seen: string;
  #timer: NodeJS.Timeout | undefined;
  #problem: WarrenError | undefined;

  /** Reads it; throws FileError or CONFIG_INVALID. */
  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    this.#seen = this.#look();
    this.#value = this.#readFirst();
  }

  /** Why the file as it is now does not count; undefined: it does. */
  get problem(): WarrenError | undefined {
    return this.#problem;
  }

  /** As last read well. */
  get value(): T {
    return this.#value;
  }

  /** `onChange` hears of every change since it was read first. */
  watch(onChange: (value: T) => void): void {
    this.#timer = setInterval(() => {
      const seen = this.#look();
      if (seen === this.#seen) return;
      this.#seen = seen;
      if (this.#readAgain()) onChange(this.#value);
    }, LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    const { path, besides = [] } = this.#options;
    return [path, ...besides].map(appearanceOf).join();
  }

  #readFirst(): T {
    try {
      return this.#read();
    } catch (error) {
      const fallback = error instanceof WarrenError ? this.#options.fallback?.() : undefined;
      if (!(error instanceof WarrenError) || fallback === undefined) throw error;
      this.#refuse(error);
      return fallback;
    }
  }

  #refuse(error: WarrenError): void {
    const { what, log } = this.#options;
    this.#problem = error;
    log.error(`${what} stay as they were`, { code: error.code, reason: error.message });
  }

  #read(): T {
    const { path, what, parse } = this.#options;
    return parse(path, readFileStrict(path, what));
  }

  /** False: it makes no sense. */
  #readAgain(): boolean {
    const { path, what, log } = this.#options;
    try {
      this.#value = this.#read();
    } catch (error) {
      if (!(error instanceof WarrenError)) throw error;
      this.#refuse(error);
      return false;
    }
    this.#problem = undefined;
    log.info(`${what} were read`, { path });
    return true;
  }
}

/** Changes with the file; the same as long as it is missing, or out of reach for the same reason. */
function appearanceOf(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return String(error);
  }
}
