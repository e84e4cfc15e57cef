/**
 * Datagrams of one size to one remote, gathered to leave by one system call: one vector for each, uncopied, and
 * UDP_SEGMENT tells the kernel where to cut.
 */
import { assert } from '@warren/core/base/assert';
import { IOVEC_BYTES, writeVector } from '../libc/iovec.js';
import type { Arena } from '../plane/arena.js';
import type { LinuxSocket } from './linux-socket.js';
import { MessageHeader } from './message-header.js';
import type { Remote } from './remote-table.js';
import { SOCKADDR_BYTES } from './socket-address.js';

/** Linux takes 128 since 6.9, 64 before. */
export const MAX_SEGMENTS = 64;
/** UDP payload of all segments: 65,507 is the kernel's limit, whatever the family. */
export const MAX_GROUP_BYTES = 65_000;

/** What one system call sends; parts of the arena are its own for ever. */
export class SegmentGroup {
  /** The first datagram that is still to be sent, and the end of them. */
  first = 0;
  count = 0;
  /** All but the last are this long. */
  segmentBytes = 0;

  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  readonly #header: MessageHeader;
  readonly #nameAt: number;
  readonly #vectorsAt: number;
  readonly #offsets = new Uint32Array(MAX_SEGMENTS);
  readonly #lengths = new Uint32Array(MAX_SEGMENTS);
  #totalBytes = 0;
  #socket: LinuxSocket | undefined;
  #remote: Remote | undefined;
  #hops = 0;

  constructor(arena: Arena) {
    this.#memory = arena.bytes;
    this.#view = arena.view;
    this.#base = arena.address;
    this.#header = new MessageHeader(arena);
    this.#nameAt = arena.reserve(SOCKADDR_BYTES);
    this.#vectorsAt = arena.reserve(IOVEC_BYTES * MAX_SEGMENTS);
  }

  get socket(): LinuxSocket {
    assert(this.#socket !== undefined, 'a group is begun before it is used');
    return this.#socket;
  }

  get remote(): Remote {
    assert(this.#remote !== undefined, 'a group is begun before it is used');
    return this.#remote;
  }

  /** Of all its datagrams. */
  get bytes(): number {
    return this.#totalBytes;
  }

  isFor(socket: LinuxSocket, remote: Remote): boolean {
    return this.#socket === socket && this.#remote === remote;
  }

  /** Empty from now on; `hops` 0: the system's default. */
  begin(socket: LinuxSocket, remote: Remote, hops: number): void {
    this.#socket = socket;
    this.#remote = remote;
    this.#hops = hops;
    this.clear();
    const { addressAt, addressBytes } = remote;
    this.#memory.copyWithin(this.#nameAt, addressAt, addressAt + addressBytes);
    this.#header.setName(this.#base + this.#nameAt, addressBytes);
  }

  clear(): void {
    this.first = 0;
    this.count = 0;
    this.segmentBytes = 0;
    this.#totalBytes = 0;
  }

  /** Forgets whom it was for. */
  release(): void {
    this.clear();
    this.#socket = undefined;
    this.#remote = undefined;
  }

  /** Whether a datagram of this length may follow: only the last may be shorter, and none is empty. */
  takes(length: number): boolean {
    const { count, segmentBytes } = this;
    if (count === 0) return true;
    return (
      length <= segmentBytes &&
      length > 0 &&
      count < MAX_SEGMENTS &&
      this.#totalBytes === count * segmentBytes &&
      this.#totalBytes + length <= MAX_GROUP_BYTES
    );
  }

  /** The bytes stay in place in the arena until the group has left. */
  add(at: number, length: number): void {
    const { count } = this;
    if (count === 0) this.segmentBytes = length;
    this.#offsets[count] = at;
    this.#lengths[count] = length;
    const vectorAt = this.#vectorsAt + count * IOVEC_BYTES;
    writeVector(this.#view, vectorAt, this.#base + at, length);
    this.#totalBytes += length;
    this.count = count + 1;
  }

  /** The address of the header that sends everything at once: two datagrams at least. */
  headerOfAll(): number {
    const { first, count } = this;
    this.#header.setVectors(this.#base + this.#vectorsAt + first * IOVEC_BYTES, count - first);
    this.#header.setSegments(this.segmentBytes);
    return this.#header.address;
  }

  /** The address of the header that sends the first alone. */
  headerOfFirst(): number {
    this.#header.setVectors(this.#base + this.#vectorsAt + this.first * IOVEC_BYTES, 1);
    if (this.#hops === 0) this.#header.clearControl();
    else this.#header.setHopLimit(this.socket.family === 4, this.#hops);
    return this.#header.address;
  }

  /** Becomes what is left of `other`, copied to `dataAt`, where there is room for MAX_DATAGRAM_BYTES. */
  copyFrom(other: SegmentGroup, dataAt: number): void {
    this.begin(other.socket, other.remote, other.#hops);
    // The remote's slot may have been given to another meanwhile.
    this.#memory.copyWithin(this.#nameAt, other.#nameAt, other.#nameAt + SOCKADDR_BYTES);
    let at = dataAt;
    for (let i = other.first; i < other.count; i++) {
      const from = other.#offsets[i] ?? 0;
      const length = other.#lengths[i] ?? 0;
      this.#memory.copyWithin(at, from, from + length);
      this.add(at, length);
      at += length;
    }
  }
}
