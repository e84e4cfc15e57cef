/**
 * Datagrams for which the kernel had no room (EAGAIN), copied until it has: a short, bounded queue. What does
 * not fit is dropped, as any full queue on the way would.
 */
import type { Arena } from '../plane/arena.js';
import type { LinuxSocket } from './linux-socket.js';
import { SegmentGroup } from './segment-group.js';

/** What a TUN device hands over in one turn may wait as a whole; TUN is paused meanwhile. */
const MAX_HELD = 32;
/** The longest datagram, and the longest group. */
const DATA_BYTES = 65_536;

interface Slot {
  readonly group: SegmentGroup;
  readonly dataAt: number;
}

export class HeldGroups {
  readonly #free: Slot[] = [];
  /** In order of sending, of all sockets. */
  readonly #held: Slot[] = [];

  constructor(arena: Arena) {
    for (let i = 0; i < MAX_HELD; i++) {
      this.#free.push({ group: new SegmentGroup(arena), dataAt: arena.reserve(DATA_BYTES) });
    }
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** False: no room. */
  hold(group: SegmentGroup): boolean {
    const slot = this.#free.pop();
    if (slot === undefined) return false;
    slot.group.copyFrom(group, slot.dataAt);
    this.#held.push(slot);
    return true;
  }

  /** Offers what waits for `socket` in order, until `send` answers false: that and the rest go on waiting, and this answers false. */
  offer(socket: LinuxSocket, send: (group: SegmentGroup) => boolean): boolean {
    for (let i = 0; i < this.#held.length; ) {
      const slot = this.#held[i];
      if (slot?.group.socket !== socket) {
        i++;
        continue;
      }
      if (!send(slot.group)) return false;
      this.#held.splice(i, 1);
      slot.group.release();
      this.#free.push(slot);
    }
    return true;
  }
}
