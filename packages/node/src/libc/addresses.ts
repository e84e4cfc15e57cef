import { assert } from '@warren/core/base/assert';
import { viewOf } from '@warren/core/base/bytes';

/**
 * Where arrays lie. Memory of an ArrayBuffer never moves, so each buffer is asked for once; most calls are
 * about the array of the call before.
 */
export class Addresses {
  readonly #addressOf: (bytes: Uint8Array) => number;
  readonly #ofBuffers = new WeakMap<ArrayBufferLike, number>();
  /** Of the memory that was asked for last; a view's words need not be aligned. */
  view = viewOf(new Uint8Array(0));
  #lastArray = new Uint8Array(0);
  #lastAddress = 0;

  constructor(addressOf: (bytes: Uint8Array) => number) {
    this.#addressOf = addressOf;
  }

  /** The address of `memory[at]`, of which `length` bytes are there. */
  of(memory: Uint8Array, at: number, length: number): number {
    assert(at >= 0 && length >= 0 && at + length <= memory.length, 'the range is in the memory');
    if (memory !== this.#lastArray) {
      this.#lastAddress = this.#ofBuffer(memory.buffer) + memory.byteOffset;
      this.#lastArray = memory as Uint8Array<ArrayBuffer>;
      this.view = viewOf(memory);
    }
    return this.#lastAddress + at;
  }

  #ofBuffer(buffer: ArrayBufferLike): number {
    let address = this.#ofBuffers.get(buffer);
    if (address === undefined) {
      address = this.#addressOf(new Uint8Array(buffer));
      this.#ofBuffers.set(buffer, address);
    }
    return address;
  }
}
