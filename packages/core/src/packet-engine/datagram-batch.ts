/**
 * Datagrams read from one UDP socket, in caller-owned memory that the engine overwrites (it opens in place).
 *
 * Sources are interned by the shell: the same address gives the same string object, so that comparing is
 * a pointer test and no string is made per packet. Arrays are made once and reused for every read.
 */
import type { Endpoint } from '../ip/address.js';
import type { PacketBatch } from './packet-ports.js';

/** Datagram i is `memory[offsets[i] .. offsets[i] + lengths[i])` and came from `sources[i]`. */
export interface DatagramBatch extends PacketBatch {
  readonly sources: Endpoint[];
}

/** A batch for up to `capacity` datagrams over `memory`, with nothing in it. */
export function createDatagramBatch(memory: Uint8Array, capacity: number): DatagramBatch {
  return {
    memory,
    offsets: new Uint32Array(capacity),
    lengths: new Uint32Array(capacity),
    sources: [],
    count: 0,
  };
}
