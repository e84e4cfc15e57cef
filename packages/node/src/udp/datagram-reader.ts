/**
 * Takes datagrams off a socket into the arena, many per call: the kernel joins those of one sender and one size
 * back to back (UDP_GRO).
 *
 * All sockets share the memory, since a batch is dealt with before the next read.
 */
import type { Counters } from '@warren/core/base/counters';
import { createDatagramBatch, type DatagramBatch } from '@warren/core/packet-engine/datagram-batch';
import { EAGAIN, EINTR } from '../libc/errno.js';
import { IOVEC_BYTES, writeVector } from '../libc/iovec.js';
import type { Libc } from '../libc/libc.js';
import type { Arena } from '../plane/arena.js';
import type { LinuxSocket } from './linux-socket.js';
import { MessageHeader } from './message-header.js';
import { SOCKADDR_BYTES, SourceTable } from './socket-address.js';

/** Above the longest UDP payload, and above what the kernel joins. */
const READ_BYTES = 65_536;
/** Four full reads fill a batch; small ones are more, so that their packets can be joined further on. */
const BATCH_BYTES = 4 * READ_BYTES;
/** Datagrams the kernel joins at most: 64, or 128 when the sender was on this machine. */
const MAX_JOINED = 128;
/** 256 KiB of datagrams of 512 bytes, and room for one more read. */
const BATCH_DATAGRAMS = 512 + MAX_JOINED;
/** Then the other sockets and TUN have their turn: a millisecond or two of work. */
const BATCHES_PER_WAKE = 4;
/** Every read begins on a cache line. */
const ALIGNMENT_BYTES = 64;

export class DatagramReader {
  readonly #libc: Libc;
  readonly #counters: Counters;
  readonly #view: DataView;
  readonly #base: number;
  readonly #header: MessageHeader;
  readonly #vectorAt: number;
  readonly #nameAt: number;
  readonly #dataAt: number;
  readonly #sources: SourceTable;
  readonly #batch: DatagramBatch;

  constructor(libc: Libc, arena: Arena, counters: Counters) {
    this.#libc = libc;
    this.#counters = counters;
    this.#view = arena.view;
    this.#base = arena.address;
    this.#header = new MessageHeader(arena);
    this.#vectorAt = arena.reserve(IOVEC_BYTES);
    this.#nameAt = arena.reserve(SOCKADDR_BYTES);
    this.#dataAt = arena.reserve(BATCH_BYTES);
    this.#sources = new SourceTable(arena);
    this.#batch = createDatagramBatch(arena.bytes, BATCH_DATAGRAMS);
    this.#header.setName(arena.address + this.#nameAt, SOCKADDR_BYTES);
    this.#header.setVectors(arena.address + this.#vectorAt, 1);
  }

  /** Reads until nothing is left or a bound is met; the batch is reused after each call of `onBatch`. */
  read(socket: LinuxSocket, onBatch: (batch: DatagramBatch) => void): void {
    for (let i = 0; i < BATCHES_PER_WAKE; i++) {
      const isDrained = this.#fill(socket.fd);
      if (this.#batch.count > 0) onBatch(this.#batch);
      if (isDrained || !socket.isOpen) return;
    }
  }

  /** True: the kernel has nothing more. */
  #fill(fd: number): boolean {
    const batch = this.#batch;
    const end = this.#dataAt + BATCH_BYTES;
    batch.count = 0;
    let at = this.#dataAt;
    while (at + READ_BYTES <= end && batch.count + MAX_JOINED <= BATCH_DATAGRAMS) {
      writeVector(this.#view, this.#vectorAt, this.#base + at, READ_BYTES);
      this.#header.resetForReceive(SOCKADDR_BYTES);
      const length = this.#libc.recvmsg(fd, this.#header.address, 0);
      if (length < 0) {
        const errno = this.#libc.errno();
        if (errno === EINTR) continue;
        // An error that waited is taken off by this; the poll comes again if there is more.
        if (errno !== EAGAIN) this.#counters.add('udp-receive-failed');
        return true;
      }
      this.#split(at, length);
      at = Math.ceil((at + length) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    }
    return false;
  }

  #split(at: number, length: number): void {
    const { offsets, lengths, sources } = this.#batch;
    const size = this.#header.receivedSegmentBytes || Math.max(length, 1);
    const joined = Math.max(1, Math.ceil(length / size));
    const source = this.#sources.endpointAt(this.#nameAt);
    if (source === undefined || this.#header.isTruncated || joined > MAX_JOINED) {
      this.#counters.add(source === undefined ? 'udp-source-zoned' : 'udp-oversized', joined);
      return;
    }
    let { count } = this.#batch;
    for (let i = 0; i < joined; i++) {
      offsets[count] = at + i * size;
      lengths[count] = Math.min(size, length - i * size);
      sources[count] = source;
      count++;
    }
    this.#batch.count = count;
  }
}
