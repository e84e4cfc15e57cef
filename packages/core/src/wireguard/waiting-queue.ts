/**
 * Copies of the packets that wait for a handshake or a path. The oldest make room for the newest: what was
 * asked last matters most, and upper layers have already repeated the rest.
 */

import { PADDING_BYTES, TAG_BYTES, TRANSPORT_HEADER_BYTES } from './messages.js';

/** Per peer: a burst at connection start fits, a stalled bulk transfer doesn't pile up. */
export const MAX_WAITING_PACKETS = 128;
/** Per peer, in bytes: 128 packets of the usual size. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** Over all peers, so that a scan of a large network's addresses doesn't eat the memory. */
export const MAX_WAITING_TOTAL_BYTES = 32 * 1024 * 1024;

/** What all queues of a device hold together. */
export interface WaitingTotal {
  bytes: number;
}

/** One waiting packet inside memory that has room for sealing around it. */
export interface WaitingPacket {
  readonly memory: Uint8Array;
  readonly at: number;
  readonly length: number;
}

export class WaitingQueue {
  readonly #total: WaitingTotal;
  #packets: WaitingPacket[] = [];
  #bytes = 0;

  constructor(total: WaitingTotal) {
    this.#total = total;
  }

  get size(): number {
    return this.#packets.length;
  }

  /** Copies a packet in; returns how many packets were dropped for it (or 1: it didn't fit itself). */
  push(memory: Uint8Array, at: number, length: number): number {
    let dropped = 0;
    while (
      this.#packets.length >= MAX_WAITING_PACKETS ||
      (this.#packets.length > 0 && this.#bytes + length > MAX_WAITING_BYTES)
    ) {
      this.#account(this.#packets.shift());
      dropped++;
    }
    if (this.#total.bytes + length > MAX_WAITING_TOTAL_BYTES) return dropped + 1;
    const room = new Uint8Array(TRANSPORT_HEADER_BYTES + length + PADDING_BYTES + TAG_BYTES);
    room.set(memory.subarray(at, at + length), TRANSPORT_HEADER_BYTES);
    this.#packets.push({ memory: room, at: TRANSPORT_HEADER_BYTES, length });
    this.#bytes += length;
    this.#total.bytes += length;
    return dropped;
  }

  /** Takes everything out, oldest first. */
  drain(): readonly WaitingPacket[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#total.bytes -= this.#bytes;
    this.#bytes = 0;
    return packets;
  }

  #account(packet: WaitingPacket | undefined): void {
    if (packet === undefined) return;
    this.#bytes -= packet.length;
    this.#total.bytes -= packet.length;
  }
}
