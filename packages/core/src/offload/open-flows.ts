/**
 * The groups that still take packets, one per flow: a short table, searched from the front by a hash of ports and
 * target, and then compared whole, so that a flow can't pass for another.
 */

import { GROUP } from './groups.js';
import { areEqualWords } from './headers.js';

/** Flows whose packets arrive mixed; with more than this the oldest group is closed, which costs a write. */
export const OPEN_FLOWS_MAX = 16;

/** "No place in the table." */
export const NONE = -1;

/** A flow is its group's version, protocol, and addresses and ports of the group's first packet. */
export class OpenFlows {
  readonly #view: DataView;
  /** Of the groups. */
  readonly #records: Int32Array;
  readonly #groups = new Int32Array(OPEN_FLOWS_MAX);
  readonly #hashes = new Int32Array(OPEN_FLOWS_MAX);
  #count = 0;
  #oldest = 0;

  constructor(view: DataView, records: Int32Array) {
    this.#view = view;
    this.#records = records;
  }

  clear(): void {
    this.#count = 0;
  }

  groupAt(place: number): number {
    return this.#groups[place] ?? 0;
  }

  /** The place of the flow of the packet at `at`, whose IP header has `ipBytes`. */
  find(hash: number, at: number, version: number, protocol: number, ipBytes: number): number {
    const records = this.#records;
    // Both addresses and both ports lie in one piece.
    const bytes = version === 4 ? 12 : 36;
    const from = ipBytes + 4 - bytes;
    for (let place = 0; place < this.#count; place++) {
      if (this.#hashes[place] !== hash) continue;
      const group = this.#groups[place] ?? 0;
      if (records[group + GROUP.version] !== version) continue;
      if (records[group + GROUP.protocol] !== protocol) continue;
      const otherAt = (records[group + GROUP.at] ?? 0) + from;
      if (areEqualWords(this.#view, otherAt, at + from, bytes)) return place;
    }
    return NONE;
  }

  /** `group` takes packets from now on; there is none yet of its flow. */
  open(group: number, hash: number): void {
    let place = this.#count;
    if (place === OPEN_FLOWS_MAX) {
      place = this.#oldest;
      this.#oldest = (place + 1) % OPEN_FLOWS_MAX;
    } else {
      this.#count++;
    }
    this.#groups[place] = group;
    this.#hashes[place] = hash;
  }

  /** The group at `place` takes no more; the last of the table moves there. */
  close(place: number): void {
    const last = --this.#count;
    this.#groups[place] = this.#groups[last] ?? 0;
    this.#hashes[place] = this.#hashes[last] ?? 0;
  }

  /** Closes all flows between the addresses, `bytes` of both, that lie `offset` behind the beginning of a packet. */
  closeBetween(at: number, version: number, offset: number, bytes: number): void {
    const records = this.#records;
    for (let place = this.#count - 1; place >= 0; place--) {
      const group = this.#groups[place] ?? 0;
      if (records[group + GROUP.version] !== version) continue;
      const otherAt = (records[group + GROUP.at] ?? 0) + offset;
      if (areEqualWords(this.#view, at + offset, otherAt, bytes)) this.close(place);
    }
  }
}
