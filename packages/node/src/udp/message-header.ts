/**
 * What sendmsg and recvmsg take, as 64-bit Linux lays it out (x86-64, arm64 and riscv64 alike; glibc and musl).
 *
 *     msghdr 56 B: name u64 @0, name length u32 @8, vectors u64 @16, their count u64 @24,
 *                  control u64 @32, control length u64 @40, flags u32 @48
 *     cmsg   24 B: length u64 @0 (16 + value), level i32 @8, type i32 @12, value @16
 *
 * Everything lies in the arena and is written as numbers of 32 bits. A header carries one control message at most.
 */
import { writeU64 } from '@warren/core/base/bytes';
import type { Arena } from '../plane/arena.js';

export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

const MSGHDR_BYTES = 56;
const NAME_AT = 0;
const NAME_LENGTH_AT = 8;
const VECTORS_AT = 16;
const VECTOR_COUNT_AT = 24;
const CONTROL_AT = 32;
const CONTROL_LENGTH_AT = 40;
const FLAGS_AT = 48;

const CMSG_HEADER_BYTES = 16;
const CMSG_LEVEL_AT = 8;
const CMSG_TYPE_AT = 12;
/** Room for one value of up to 8 bytes: all that is asked for here. */
const CMSG_BYTES = 24;
/** Room for what the kernel says beyond that, which is then not read. */
const CONTROL_BYTES = 64;

const SOL_IP = 0;
const IP_TTL = 2;
const SOL_IPV6 = 41;
const IPV6_HOPLIMIT = 52;

const MSG_TRUNC = 0x20;

/** One struct msghdr with its control message, in the arena for ever. */
export class MessageHeader {
  /** For the system call. */
  readonly address: number;

  readonly #view: DataView;
  readonly #at: number;
  readonly #controlAt: number;

  constructor(arena: Arena) {
    this.#view = arena.view;
    this.#at = arena.reserve(MSGHDR_BYTES);
    this.#controlAt = arena.reserve(CONTROL_BYTES);
    this.address = arena.address + this.#at;
    writeU64(this.#view, this.#at + CONTROL_AT, arena.address + this.#controlAt);
  }

  /** `length`: of the name, or the room for it. */
  setName(address: number, length: number): void {
    writeU64(this.#view, this.#at + NAME_AT, address);
    this.#view.setUint32(this.#at + NAME_LENGTH_AT, length, true);
  }

  setVectors(address: number, count: number): void {
    writeU64(this.#view, this.#at + VECTORS_AT, address);
    this.#view.setUint32(this.#at + VECTOR_COUNT_AT, count, true);
  }

  clearControl(): void {
    this.#view.setUint32(this.#at + CONTROL_LENGTH_AT, 0, true);
  }

  /** To send: cut into datagrams of this size; the last may be shorter. */
  setSegments(bytes: number): void {
    this.#setControl(SOL_UDP, UDP_SEGMENT, 2);
    this.#view.setUint16(this.#controlAt + CMSG_HEADER_BYTES, bytes, true);
  }

  /** To send: with this limit of hops, 1 to 255. */
  setHopLimit(isV4: boolean, hops: number): void {
    this.#setControl(isV4 ? SOL_IP : SOL_IPV6, isV4 ? IP_TTL : IPV6_HOPLIMIT, 4);
    this.#view.setInt32(this.#controlAt + CMSG_HEADER_BYTES, hops, true);
  }

  /** To receive: what the kernel changes with every message. */
  resetForReceive(nameBytes: number): void {
    this.#view.setUint32(this.#at + NAME_LENGTH_AT, nameBytes, true);
    this.#view.setUint32(this.#at + CONTROL_LENGTH_AT, CONTROL_BYTES, true);
  }

  /** Received: the size of the datagrams that lie back to back; 0: it is one. */
  get receivedSegmentBytes(): number {
    const view = this.#view;
    const at = this.#controlAt;
    if (view.getUint32(this.#at + CONTROL_LENGTH_AT, true) < CMSG_HEADER_BYTES + 4) return 0;
    if (view.getInt32(at + CMSG_LEVEL_AT, true) !== SOL_UDP) return 0;
    if (view.getInt32(at + CMSG_TYPE_AT, true) !== UDP_GRO) return 0;
    return view.getInt32(at + CMSG_HEADER_BYTES, true);
  }

  /** Received: there was more than room for it. */
  get isTruncated(): boolean {
    return (this.#view.getUint32(this.#at + FLAGS_AT, true) & MSG_TRUNC) !== 0;
  }

  #setControl(level: number, type: number, valueBytes: number): void {
    const view = this.#view;
    view.setUint32(this.#at + CONTROL_LENGTH_AT, CMSG_BYTES, true);
    writeU64(view, this.#controlAt, CMSG_HEADER_BYTES + valueBytes);
    view.setInt32(this.#controlAt + CMSG_LEVEL_AT, level, true);
    view.setInt32(this.#controlAt + CMSG_TYPE_AT, type, true);
  }
}
