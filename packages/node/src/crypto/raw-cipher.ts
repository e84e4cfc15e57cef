/**
 * ChaCha20-Poly1305 by OpenSSL's inner functions ChaCha20_ctr32 and Poly1305_*, which Node's own builds export:
 * six calls a packet, without EVP's bookkeeping.
 *
 *     one-time key   first 32 bytes of block 0
 *     text           xor of blocks 1, 2, ...
 *     tag            Poly1305 of: text | zeros to 16 | 8 zeros (no associated data) | length of the text, 64 bits
 *     counter block  block number u32 | four zero bytes | packet counter u64, all little-endian
 *
 * Block 0 has a call of its own. Making it in one call with the text would overwrite the 64 bytes before the
 * packet, and saving and restoring them eats what the call saves: 865 against 887 ns for 1424 bytes.
 *
 * Source: RFC 8439 section 2.8; OpenSSL include/crypto/chacha.h and include/crypto/poly1305.h.
 */
import { assert } from '@warren/core/base/assert';
import type { TransportCipher } from '@warren/core/ports';
import { Addresses, type Foreign, type ForeignCall, KeyStore } from './foreign.js';

const TAG_BYTES = 16;
const BLOCK_BYTES = 64;
/** Poly1305 works on blocks of 16 bytes. */
const PADDING_MASK = 15;
const WORD = 2 ** 32;

/** 248 on x86-64; one that says far more is not the function we know. */
const MAX_POLY_STATE_BYTES = 1024;

/** Where things lie in the scratch memory, each in cache lines of its own. */
const SCRATCH = {
  counterBlock: 0,
  /** Up to 15 zeros that complete the last block of text, then the 16 bytes with the lengths. */
  trailer: 64,
  tag: 128,
  zeroBlock: 192,
  oneTimeKey: 256,
  polyState: 320,
  bytes: 320 + MAX_POLY_STATE_BYTES,
} as const;
/** Index of the text's length in the scratch's words: the trailer is 16 zeros, 8 zeros and the length. */
const LENGTH_WORD = (SCRATCH.trailer + 24) / 4;

/** What all ciphers of a thread share: each call is complete in itself. */
class Workbench {
  readonly addresses: Addresses;
  readonly keys: KeyStore;
  readonly #scratch = new Uint8Array(SCRATCH.bytes);
  readonly #words = new Uint32Array(this.#scratch.buffer);
  readonly #at: number;
  readonly #chacha: ForeignCall;
  readonly #polyInit: ForeignCall;
  readonly #polyUpdate: ForeignCall;
  readonly #polyFinal: ForeignCall;

  constructor({ bind, addressOf }: Foreign) {
    this.#chacha = bind(
      'void ChaCha20_ctr32(uintptr_t out, uintptr_t in, size_t length, uintptr_t key, uintptr_t counter)',
    );
    this.#polyInit = bind('void Poly1305_Init(uintptr_t state, uintptr_t key)');
    this.#polyUpdate = bind('void Poly1305_Update(uintptr_t state, uintptr_t in, size_t length)');
    this.#polyFinal = bind('void Poly1305_Final(uintptr_t state, uintptr_t tag)');
    const stateBytes = bind('size_t Poly1305_ctx_size()')();
    if (stateBytes > MAX_POLY_STATE_BYTES) {
      throw new Error(`Poly1305 wants ${stateBytes} bytes for its state`);
    }
    this.addresses = new Addresses(addressOf);
    this.keys = new KeyStore(addressOf);
    this.#at = addressOf(this.#scratch);
  }

  /** Makes the one-time key of a packet and begins its tag. The next block is the text's first. */
  begin(key: number, counter: number): void {
    const at = this.#at;
    const words = this.#words;
    const block = at + SCRATCH.counterBlock;
    words[0] = 0;
    words[2] = counter; // a store into 32 bits takes the low ones
    words[3] = counter / WORD;
    this.#chacha(at + SCRATCH.oneTimeKey, at + SCRATCH.zeroBlock, BLOCK_BYTES, key, block);
    this.#polyInit(at + SCRATCH.polyState, at + SCRATCH.oneTimeKey);
    words[0] = 1;
  }

  /** Encrypts or decrypts; follows {@link begin}. */
  crypt(key: number, text: number, length: number): void {
    if (length === 0) return;
    this.#chacha(text, text, length, key, this.#at + SCRATCH.counterBlock);
  }

  /** Writes the tag of the encrypted text to the address `tag`. */
  tag(text: number, length: number, tag: number): void {
    const state = this.#at + SCRATCH.polyState;
    const inLastBlock = length & PADDING_MASK;
    this.#words[LENGTH_WORD] = length;
    if (length > 0) this.#polyUpdate(state, text, length);
    const trailer = this.#at + SCRATCH.trailer;
    if (inLastBlock === 0) this.#polyUpdate(state, trailer + TAG_BYTES, TAG_BYTES);
    else this.#polyUpdate(state, trailer + inLastBlock, 2 * TAG_BYTES - inLastBlock);
    this.#polyFinal(state, tag);
  }

  /** Whether `memory[at ..]` is the tag of the encrypted text; in a time that doesn't depend on where it isn't. */
  isTag(memory: Uint8Array, at: number, text: number, length: number): boolean {
    this.tag(text, length, this.#at + SCRATCH.tag);
    let difference = 0;
    for (let i = 0; i < TAG_BYTES; i++) {
      difference |= (memory[at + i] as number) ^ (this.#scratch[SCRATCH.tag + i] as number);
    }
    return difference === 0;
  }

  /** Leaves nothing of the last packet's one-time key. */
  wipe(): void {
    this.#scratch.fill(0, SCRATCH.tag);
  }
}

class RawCipher implements TransportCipher {
  readonly #bench: Workbench;
  readonly #place: Uint8Array;
  /** Of the key; 0: erased. */
  #key: number;

  constructor(bench: Workbench, key: Uint8Array) {
    this.#bench = bench;
    this.#place = bench.keys.take(key);
    this.#key = bench.keys.addressOf(this.#place);
  }

  seal(counter: number, memory: Uint8Array, at: number, length: number): void {
    const bench = this.#bench;
    const key = this.#key;
    assert(key !== 0, 'an erased cipher is not used');
    const text = bench.addresses.of(memory, at, length + TAG_BYTES);
    bench.begin(key, counter);
    bench.crypt(key, text, length);
    bench.tag(text, length, text + length);
  }

  open(counter: number, memory: Uint8Array, at: number, length: number): boolean {
    const bench = this.#bench;
    const key = this.#key;
    assert(key !== 0, 'an erased cipher is not used');
    const textBytes = length - TAG_BYTES;
    if (textBytes < 0) return false;
    const text = bench.addresses.of(memory, at, length);
    bench.begin(key, counter);
    if (!bench.isTag(memory, at + textBytes, text, textBytes)) return false;
    bench.crypt(key, text, textBytes);
    return true;
  }

  erase(): void {
    if (this.#key === 0) return;
    this.#key = 0;
    this.#bench.keys.release(this.#place);
    this.#bench.wipe();
  }
}

/** Throws when this Node doesn't export the functions. */
export function rawCiphers(foreign: Foreign): (key: Uint8Array) => TransportCipher {
  const bench = new Workbench(foreign);
  return (key) => new RawCipher(bench, key);
}
