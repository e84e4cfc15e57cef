/**
 * A part of the arena for what doesn't lie there: copies that stay until everything is flushed, of packets over relays and
 * of control messages, mostly.
 */
import type { Arena } from './arena.js';

/** Every copy's first byte, and the room before it, is a multiple of this. */
const ALIGNMENT_BYTES = 16;

export class ArenaCopies {
  readonly #memory: Uint8Array;
  readonly #at: number;
  readonly #bytes: number;
  readonly #headroomBytes: number;
  #usedBytes = 0;

  /** Takes `bytes` of the arena for ever; before each copy `headroomBytes` (of 16) are its own too. */
  constructor(arena: Arena, bytes: number, headroomBytes: number) {
    this.#memory = arena.bytes;
    this.#at = arena.reserve(bytes);
    this.#bytes = bytes;
    this.#headroomBytes = headroomBytes;
  }

  /** False: flush, and {@link clear}, first. */
  hasRoom(length: number): boolean {
    return this.#usedBytes + this.#takes(length) <= this.#bytes;
  }

  /** Copies `memory[at .. at + length)`; answers where in the arena the copy lies. */
  put(memory: Uint8Array, at: number, length: number): number {
    const to = this.#at + this.#usedBytes + this.#headroomBytes;
    this.#memory.set(memory.subarray(at, at + length), to);
    this.#usedBytes += this.#takes(length);
    return to;
  }

  /** The copies are done with. */
  clear(): void {
    this.#usedBytes = 0;
  }

  #takes(length: number): number {
    return Math.ceil((this.#headroomBytes + length) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
}
