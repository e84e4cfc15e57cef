/**
 * Socket addresses as system calls take them, to and from endpoints.
 *
 *     sockaddr_in    16 B: family u16, port u16 BE @2, address @4
 *     sockaddr_in6   28 B: family u16, port u16 BE @2, flow u32 @4, address @8, scope u32 @24
 *
 * The family is in the machine's order (little-endian wherever this runs). Both directions remember: on the
 * packet path an address is a few numbers that are compared, never text that is built.
 */
import {
  addressBytes,
  addressFromBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
} from '@warren/core/ip/address';
import type { Arena } from '../plane/arena.js';

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Of the longer of the two. */
export const SOCKADDR_BYTES = 28;

const SOCKADDR_IN_BYTES = 16;
const PORT_AT = 2;
const V4_AT = 4;
const V6_AT = 8;

/** Writes `of` and answers the length; flow and scope are 0. */
export function writeSocketAddress(memory: Uint8Array, at: number, of: Endpoint): number {
  const address = addressBytes(endpointAddress(of));
  const port = endpointPort(of);
  const isV4 = address.length === 4;
  memory.fill(0, at, at + SOCKADDR_BYTES);
  memory[at] = isV4 ? AF_INET : AF_INET6;
  memory[at + PORT_AT] = port >> 8;
  memory[at + PORT_AT + 1] = port & 255;
  memory.set(address, at + (isV4 ? V4_AT : V6_AT));
  return isV4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES;
}

/** The port of the address at `at`. */
export function readSocketPort(view: DataView, at: number): number {
  return view.getUint16(at + PORT_AT);
}

/** Undefined: it needs a zone, which endpoints don't have; an answer would go astray. */
function readSocketAddress(memory: Uint8Array, at: number): Endpoint | undefined {
  const isV4 = memory[at] === AF_INET;
  // fe80::/10
  if (!isV4 && memory[at + V6_AT] === 0xfe && ((memory[at + V6_AT + 1] ?? 0) & 0xc0) === 0x80) {
    return undefined;
  }
  const address = addressFromBytes(
    isV4
      ? memory.subarray(at + V4_AT, at + V4_AT + 4)
      : memory.subarray(at + V6_AT, at + V6_AT + 16),
  );
  const port = ((memory[at + PORT_AT] ?? 0) << 8) | (memory[at + PORT_AT + 1] ?? 0);
  return endpoint(address, port);
}

/** Remembered senders, a power of two: peers are few, scanners may be many and only push each other out. */
const SOURCE_SLOTS = 4096;
/** Family and port, then the address: 4 bytes and zeros, or 16 bytes. */
const SOURCE_WORDS = 5;

/** Endpoints of addresses that the kernel wrote; the same address nearly always gives the same string object. */
export class SourceTable {
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #words = new Uint32Array(SOURCE_SLOTS * SOURCE_WORDS);
  readonly #endpoints = new Array<Endpoint | undefined>(SOURCE_SLOTS).fill(undefined);
  /** Nearly always asked for again. */
  #lastSlot = 0;

  constructor(arena: Arena) {
    this.#memory = arena.bytes;
    this.#view = arena.view;
  }

  /** The endpoint of the socket address at `at`; undefined: nobody of ours sends from there. */
  endpointAt(at: number): Endpoint | undefined {
    const view = this.#view;
    const isV4 = this.#memory[at] === AF_INET;
    const first = view.getUint32(at, true);
    const a = view.getUint32(at + (isV4 ? V4_AT : V6_AT), true);
    const b = isV4 ? 0 : view.getUint32(at + V6_AT + 4, true);
    const c = isV4 ? 0 : view.getUint32(at + V6_AT + 8, true);
    const d = isV4 ? 0 : view.getUint32(at + V6_AT + 12, true);
    if (!this.#isIn(this.#lastSlot, first, a, b, c, d)) {
      const slot = slotOf(first, a, b, c, d);
      this.#lastSlot = slot;
      if (!this.#isIn(slot, first, a, b, c, d)) {
        this.#words.set([first, a, b, c, d], slot * SOURCE_WORDS);
        this.#endpoints[slot] = readSocketAddress(this.#memory, at);
      }
    }
    return this.#endpoints[this.#lastSlot];
  }

  #isIn(slot: number, first: number, a: number, b: number, c: number, d: number): boolean {
    const words = this.#words;
    const at = slot * SOURCE_WORDS;
    return (
      words[at] === first &&
      words[at + 1] === a &&
      words[at + 2] === b &&
      words[at + 3] === c &&
      words[at + 4] === d
    );
  }
}

/** Spreads neighbours; who makes addresses meet in a slot only costs their parsing. */
function slotOf(first: number, a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(first ^ (first >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ a ^ (hash >>> 13), 0x297a2d39);
  hash = Math.imul(hash ^ b ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ c ^ (hash >>> 13), 0x297a2d39);
  hash = Math.imul(hash ^ d ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 16)) & (SOURCE_SLOTS - 1);
}
