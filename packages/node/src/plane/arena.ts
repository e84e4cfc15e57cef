/**
 * The one memory of a data plane: what system calls read and write, what WebAssembly computes on and what
 * JavaScript sees are the same bytes, so a packet is never copied from one to the other.
 *
 * It never grows, so neither the address nor the views change, and it isn't shared between threads. Parts of
 * it are handed out once, at start, and never come back.
 */
import { assert } from '@warren/core/base/assert';
import { viewOf } from '@warren/core/base/bytes';
import { type WasmMemory, webAssembly } from './web-assembly.js';

/** Fixed by WebAssembly. */
const PAGE_BYTES = 65_536;
/** A cache line, so that neighbours never share one. */
const ALIGNMENT_BYTES = 64;

export class Arena {
  readonly memory: WasmMemory;
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** Of byte 0, as system calls take it; offset x lies at `address + x`. */
  readonly address: number;

  /** The first line stays unused: offset 0 is nobody's, and reading just before a part stays inside. */
  #usedBytes = ALIGNMENT_BYTES;

  /** At least `totalBytes`. `addressOf` tells where an array's first byte lies (libc/libc.ts). */
  constructor(totalBytes: number, addressOf: (bytes: Uint8Array) => number) {
    const pages = Math.ceil(totalBytes / PAGE_BYTES);
    this.memory = new webAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = viewOf(this.bytes) as DataView<ArrayBuffer>;
    this.address = addressOf(this.bytes);
  }

  /**
   * Takes `bytes` for ever; answers their offset, a multiple of `alignment` (a power of two). Asking for more
   * than is left is a bug of whoever sized the arena.
   */
  reserve(bytes: number, alignment = ALIGNMENT_BYTES): number {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a size is a whole number');
    assert(Number.isInteger(Math.log2(alignment)), 'an alignment is a power of two');
    const at = Math.ceil(this.#usedBytes / alignment) * alignment;
    assert(
      at + bytes <= this.bytes.length,
      `the arena is too small by ${at + bytes - this.bytes.length} bytes`,
    );
    this.#usedBytes = at + bytes;
    return at;
  }
}
