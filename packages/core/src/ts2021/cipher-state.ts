/**
 * One direction of the ts2021 transport: a key and the number of the next record.
 *
 * The nonce is four zero bytes and the counter as a big-endian u64. (The Noise specification says
 * little-endian: generic Noise libraries agree on record 0 and fail on record 1.)
 */
import { assert } from '../base/assert.js';
import { viewOf } from '../base/bytes.js';
import type { Crypto } from '../ports.js';

/**
 * The counter never passes this: 2^53 - 1 is the last integer a number holds exactly, far below the
 * wrap at 2^64, and 32 exabytes away.
 */
export const LAST_COUNTER = Number.MAX_SAFE_INTEGER;

const NO_ASSOCIATED_DATA = new Uint8Array(0);
const TWO_TO_32 = 0x1_0000_0000;

/** Seals or opens the records of one direction in order. A state serves one of the two, never both. */
export class CipherState {
  readonly #crypto: Crypto;
  readonly #key: Uint8Array;
  readonly #nonce = new Uint8Array(12);
  readonly #nonceView = viewOf(this.#nonce);
  #counter: number;

  constructor(crypto: Crypto, key: Uint8Array, counter = 0) {
    this.#crypto = crypto;
    this.#key = key;
    this.#counter = counter;
  }

  /** True when no further record may be sealed or opened: the connection has to be made anew. */
  get exhausted(): boolean {
    return this.#counter >= LAST_COUNTER;
  }

  /** Seals as {@link Crypto.seal} does, without associated data, and moves on. */
  seal(
    source: Uint8Array,
    sourceAt: number,
    length: number,
    target: Uint8Array,
    targetAt: number,
  ): void {
    const nonce = this.#setNonce();
    this.#crypto.seal(
      this.#key,
      nonce,
      NO_ASSOCIATED_DATA,
      source,
      sourceAt,
      length,
      target,
      targetAt,
    );
    this.#counter++;
  }

  /** Opens as {@link Crypto.open} does; false leaves the counter: the stream is broken anyway. */
  open(
    source: Uint8Array,
    sourceAt: number,
    length: number,
    target: Uint8Array,
    targetAt: number,
  ): boolean {
    const nonce = this.#setNonce();
    const opened = this.#crypto.open(
      this.#key,
      nonce,
      NO_ASSOCIATED_DATA,
      source,
      sourceAt,
      length,
      target,
      targetAt,
    );
    if (opened) this.#counter++;
    return opened;
  }

  #setNonce(): Uint8Array {
    assert(!this.exhausted, 'a record counter must not wrap');
    this.#nonceView.setUint32(4, Math.floor(this.#counter / TWO_TO_32));
    this.#nonceView.setUint32(8, this.#counter % TWO_TO_32);
    return this.#nonce;
  }
}
