/**
 * Bounds what waits in the mailbox between two threads. Messages between threads are queued without end: a
 * sender that is faster than its receiver would fill the memory, and every packet would come late.
 *
 * One number in shared memory: the sender adds what it puts in, the receiver takes off what it has dealt with.
 */
import type { Counters } from '@warren/core/base/counters';

/**
 * Packets that may wait: what the slower of the two threads works off in some 30 ms. Fewer would cut bursts (a
 * message holds up to 512), more would only be older when their turn comes.
 */
export const MAX_WAITING_PACKETS = 1_536;

/** Goes to the other thread as it is. */
export type SharedBacklog = Int32Array<SharedArrayBuffer>;

export function createSharedBacklog(): SharedBacklog {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** One end of a backlog. */
export class Backlog {
  readonly #shared: SharedBacklog;
  readonly #counters: Counters;
  readonly #dropName: string;

  /** Refused packets are counted as `dropName`. */
  constructor(shared: SharedBacklog, counters: Counters, dropName: string) {
    this.#shared = shared;
    this.#counters = counters;
    this.#dropName = dropName;
  }

  /** For the sender: true when `packets` may be sent; false: they are counted and must be dropped. */
  offer(packets: number): boolean {
    if (Atomics.load(this.#shared, 0) + packets > MAX_WAITING_PACKETS) {
      this.#counters.add(this.#dropName, packets);
      return false;
    }
    Atomics.add(this.#shared, 0, packets);
    return true;
  }
}

/** For the receiver: it has dealt with so many. */
export function workOff(shared: SharedBacklog, packets: number): void {
  Atomics.sub(shared, 0, packets);
}
