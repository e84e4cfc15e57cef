/**
 * Datagrams for which the kernel had no room (EAGAIN), copied until it has: a short, bounded queue with shares by
 * remote. What does not fit is dropped where most is held, as a fair queue on the way would, and remotes take turns
 * when there is room: a flood to one holds up nothing that goes to another.
 */
import type { Endpoint } from '@warren/core/ip/address';
import type { Arena } from '../plane/arena.js';
import type { LinuxSocket } from './linux-socket.js';
import { SegmentGroup } from './segment-group.js';

const MAX_HELD = 32;
/** All together: 80 ms at 50 Mbit/s. */
const MAX_HELD_BYTES = 512 * 1024;
/** The longest datagram, and the longest group. */
const DATA_BYTES = 65_536;

interface Slot {
  readonly group: SegmentGroup;
  readonly dataAt: number;
  /** Where it goes: the group's remote may be given to another. */
  remote: Endpoint | undefined;
}

export class HeldGroups {
  readonly #free: Slot[] = [];
  /** In order of sending, of all sockets. */
  readonly #held: Slot[] = [];
  #bytes = 0;
  /** How many groups each remote has had sent since something began to wait. */
  readonly #turns = new Map<Endpoint, number>();

  constructor(arena: Arena) {
    for (let i = 0; i < MAX_HELD; i++) {
      const slot = { group: new SegmentGroup(arena), dataAt: arena.reserve(DATA_BYTES) };
      this.#free.push({ ...slot, remote: undefined });
    }
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Answers how many datagrams were dropped: this group's, or those of a remote that holds more. */
  hold(group: SegmentGroup): number {
    const remote = group.remote.endpoint;
    let dropped = 0;
    while (this.#free.length === 0 || this.#bytes + group.bytes > MAX_HELD_BYTES) {
      const fullest = this.#fullest(remote, group.bytes);
      if (fullest === remote) return dropped + group.count - group.first;
      const last = this.#held.findLastIndex((slot) => slot.remote === fullest);
      const victim = this.#held[last]?.group;
      dropped += victim === undefined ? 0 : victim.count - victim.first;
      this.#release(last);
    }
    const slot = this.#free.pop();
    if (slot === undefined) return dropped;
    if (!this.#turns.has(remote)) this.#turns.set(remote, this.#fewestTurns());
    slot.group.copyFrom(group, slot.dataAt);
    slot.remote = remote;
    this.#held.push(slot);
    this.#bytes += slot.group.bytes;
    return dropped;
  }

  /**
   * Offers what waits for `socket`, remotes by turns and each one's in order, until `send` answers false: that and
   * the rest go on waiting, and this answers false.
   */
  offer(socket: LinuxSocket, send: (group: SegmentGroup) => boolean): boolean {
    for (;;) {
      const next = this.#nextOf(socket);
      const slot = this.#held[next];
      if (slot?.remote === undefined) return true;
      if (!send(slot.group)) return false;
      this.#turns.set(slot.remote, (this.#turns.get(slot.remote) ?? 0) + 1);
      this.#release(next);
    }
  }

  /** The place of the oldest group of the remote that had the fewest turns; -1: nothing waits. */
  #nextOf(socket: LinuxSocket): number {
    let [best, fewest] = [-1, Number.POSITIVE_INFINITY];
    this.#held.forEach(({ group, remote }, place) => {
      const turns = remote === undefined ? 0 : (this.#turns.get(remote) ?? 0);
      if (group.socket === socket && turns < fewest) [best, fewest] = [place, turns];
    });
    return best;
  }

  /** Who would hold most, `bytes` more for `remote`; that one when it ties. */
  #fullest(remote: Endpoint, bytes: number): Endpoint {
    const held = new Map<Endpoint, number>([[remote, bytes]]);
    for (const slot of this.#held) {
      if (slot.remote === undefined) continue;
      held.set(slot.remote, (held.get(slot.remote) ?? 0) + slot.group.bytes);
    }
    let fullest = remote;
    for (const [other, sum] of held) if (sum > (held.get(fullest) ?? 0)) fullest = other;
    return fullest;
  }

  /** A remote that is new begins with these, or it would have all turns until it has caught up. */
  #fewestTurns(): number {
    let fewest = Number.POSITIVE_INFINITY;
    for (const { remote } of this.#held) {
      if (remote !== undefined) fewest = Math.min(fewest, this.#turns.get(remote) ?? 0);
    }
    return Number.isFinite(fewest) ? fewest : 0;
  }

  #release(place: number): void {
    const [slot] = this.#held.splice(place, 1);
    if (slot === undefined) return;
    this.#bytes -= slot.group.bytes;
    slot.group.release();
    slot.remote = undefined;
    this.#free.push(slot);
    if (this.#held.length === 0) this.#turns.clear();
  }
}
