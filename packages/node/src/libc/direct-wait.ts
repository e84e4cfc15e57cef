/**
 * Waits for packets by itself, on the epoll descriptor of Node's own event loop: what an idle tunnel's packet costs is
 * mostly the way through libuv, Node and koffi into JavaScript and back, most of which has left the processor's cache
 * by the next one.
 *
 *     event loop -- immediate --> epoll_wait --- a descriptor of ours is readable ---> its listener, and again
 *         ^                           |
 *         +---------------------------+ anything else: another descriptor, an error, a timer, a turn that was asked for
 *
 * The event loop loses nothing: descriptors are level-triggered, so it finds again what was seen here and is not
 * ours. It stays the one that registers descriptors and tells errors and room to write.
 *
 * Source: epoll(7); proc_pid_fdinfo(5) for what an epoll descriptor watches.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { viewOf } from '@warren/core/base/bytes';
import type { Libc } from './libc.js';

const FDINFO = '/proc/self/fdinfo';
/** Descriptors that one call tells; what is more comes with the next, in turns. */
const EVENTS = 32;
/** struct epoll_event: events u32, data u64, of which libuv uses the first 32 bits; packed on x86-64 alone. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const EVENT_DATA_AT = EVENT_BYTES - 8;
const EPOLLIN = 1;
/** Timers of Node's own, which are not asked after here, come that much late at most. */
const LONGEST_WAIT_MS = 1_000;
/** A descriptor is registered at the next turn of the event loop, or it isn't watched by an epoll that is found. */
const TURNS_UNTIL_REGISTERED = 3;

export interface DirectWaitOptions {
  /** Milliseconds until a timer must fire; not above 0: now. */
  readonly nextTimerMs: () => number;
  /** Listeners have been called: what waits for the end of a turn doesn't wait any longer. */
  readonly onHandled: () => void;
}

export class DirectWait {
  readonly #libc: Libc;
  readonly #options: DirectWaitOptions;
  readonly #events = new Uint8Array(EVENTS * EVENT_BYTES);
  readonly #view = viewOf(this.#events);
  readonly #address: number;
  #isClosed = false;

  /** Begins when the event loop watches `fd`; it never does where that can't be found out. */
  constructor(libc: Libc, fd: number, options: DirectWaitOptions) {
    this.#libc = libc;
    this.#options = options;
    this.#address = libc.addressOf(this.#events);
    this.#begin(fd, TURNS_UNTIL_REGISTERED);
  }

  close(): void {
    this.#isClosed = true;
  }

  #begin(fd: number, turns: number): void {
    setImmediate(() => {
      if (this.#isClosed) return;
      const epoll = findEpoll(fd);
      if (epoll !== undefined) this.#wait(epoll);
      else if (turns > 1) this.#begin(fd, turns - 1);
    });
  }

  /** Until the event loop must have its turn; then again. */
  #wait(epoll: number): void {
    if (this.#isClosed) return;
    setImmediate(() => this.#wait(epoll));
    const { nextTimerMs, onHandled } = this.#options;
    while (!this.#libc.takeTurnWanted()) {
      const waitMs = Math.ceil(Math.min(nextTimerMs(), LONGEST_WAIT_MS));
      if (waitMs <= 0) return;
      const count = this.#libc.epollWait(epoll, this.#address, EVENTS, waitMs);
      if (count <= 0 || !this.#tell(count)) return;
      onHandled();
    }
  }

  /** False: some of it was not for us. */
  #tell(count: number): boolean {
    let isAllOurs = true;
    for (let at = 0; at < count * EVENT_BYTES; at += EVENT_BYTES) {
      const fd = this.#view.getInt32(at + EVENT_DATA_AT, true);
      const listener = this.#libc.listenerOf(fd);
      if (listener === undefined || this.#view.getInt32(at, true) !== EPOLLIN) isAllOurs = false;
      else listener.onReadable();
    }
    return isAllOurs;
  }
}

/** The epoll descriptor that watches `fd`: only the event loop of this thread does. */
function findEpoll(fd: number): number | undefined {
  const watched = new RegExp(`^tfd:\\s+${fd}\\s`, 'm');
  try {
    const epoll = readdirSync(FDINFO).find((name) => watched.test(readInfo(name)));
    return epoll === undefined ? undefined : Number(epoll);
  } catch {
    return undefined; // no /proc: the event loop alone does it
  }
}

/** Empty: it was closed meanwhile. */
function readInfo(name: string): string {
  try {
    return readFileSync(`${FDINFO}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
