/**
 * Bounds what waits in the mailbox between two threads. Messages between threads are queued without end: a
 * sender that is faster than its receiver would fill the memory, and every packet would come late.
 *
 *     waiting:  0 ------------- MAX_WAITING_PACKETS ------ + RESERVED_PACKETS
 *               any peer's packets                  those of peers with few
 *
 * One number in shared memory: the sender adds what it puts in, the receiver takes off what it has dealt with. Who
 * fills the mailbox is kept on the sender's side, so that a flood to or from one peer costs the others nothing.
 */
import type { Counters } from '@warren/core/base/counters';
import type { RelayPacket } from '@warren/core/engines/messages';
import type { NodeKey } from '@warren/core/keys/keys';

/**
 * Packets that may wait: what the slower of the two threads works off in some 30 ms. Fewer would cut bursts (a
 * message holds up to 512), more would only be older when their turn comes.
 */
export const MAX_WAITING_PACKETS = 1_536;
/** Beyond those, for peers whose share is small. */
export const RESERVED_PACKETS = 512;
/** Of the packets lately let in, a peer with fewer has a small share: a few connections that begin, or pings. */
const SMALL_SHARE = 64;

/** Goes to the other thread as it is. */
export type SharedBacklog = Int32Array<SharedArrayBuffer>;

export function createSharedBacklog(): SharedBacklog {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** The sender's end of a backlog. */
export class Backlog {
  readonly #shared: SharedBacklog;
  readonly #counters: Counters;
  readonly #dropName: string;
  /** Packets lately let in by peer; bounded by the packets between two halvings. */
  readonly #lately = new Map<NodeKey, number>();
  #sinceHalved = 0;

  /** Refused packets are counted as `dropName`. */
  constructor(shared: SharedBacklog, counters: Counters, dropName: string) {
    this.#shared = shared;
    this.#counters = counters;
    this.#dropName = dropName;
  }

  /** Those that may be sent, maybe none; the others are counted and must be dropped. */
  admit(packets: readonly RelayPacket[]): readonly RelayPacket[] {
    let waiting = Atomics.load(this.#shared, 0);
    const admitted = packets.filter(({ peer }) => {
      const lately = this.#lately.get(peer) ?? 0;
      const reserved = lately < SMALL_SHARE ? RESERVED_PACKETS : 0;
      if (waiting >= MAX_WAITING_PACKETS + reserved) return false;
      this.#lately.set(peer, lately + 1);
      waiting++;
      return true;
    });
    Atomics.add(this.#shared, 0, admitted.length);
    const refused = packets.length - admitted.length;
    if (refused > 0) this.#counters.add(this.#dropName, refused);
    this.#sinceHalved += admitted.length;
    if (this.#sinceHalved >= MAX_WAITING_PACKETS) this.#halve();
    return admitted;
  }

  /** What was long ago counts less and less. */
  #halve(): void {
    this.#sinceHalved = 0;
    for (const [peer, count] of this.#lately) {
      if (count > 1) this.#lately.set(peer, count >> 1);
      else this.#lately.delete(peer);
    }
  }
}

/** For the receiver: it has dealt with so many. */
export function workOff(shared: SharedBacklog, packets: number): void {
  Atomics.sub(shared, 0, packets);
}
