/**
 * ChaCha20-Poly1305 put together of a stream cipher and an authenticator that are called by address: what the raw and
 * the EVP cipher have in common.
 *
 *     one-time key   first 32 bytes of block 0
 *     text           xor of blocks 1, 2, ...
 *     tag            Poly1305 of: text | zeros to 16 | 8 zeros (no associated data) | length of the text, 64 bits
 *     counter block  block number u32 | four zero bytes | packet counter u64, all little-endian
 *
 * A call costs 40 to 60 ns, and one more for the last 16 bytes of a tag 190 ns. So what the tag covers behind the
 * text is written there, and when sealing block 0 is made before the text by the same call as the text; the
 * neighbours' bytes that lie there are put back (they are nobody else's meanwhile: a plane has one thread).
 * Where the memory ends too early, the same is done in more calls. Opening needs the key before the text.
 *
 * Source: RFC 8439 section 2.8.
 */
import { assert } from '@warren/core/base/assert';
import type { TransportCipher } from '@warren/core/ports';
import { Addresses } from '../libc/addresses.js';
import { type Foreign, KeyStore } from './foreign.js';

/** ChaCha20 under one key; works from the shared counter block. */
export interface Stream {
  /** Begins at the counter block as it is now, which is block 0 of a packet. */
  start(): void;
  /** Xors the next blocks; all calls of a packet but the last are of whole blocks, and at most two. */
  xor(out: number, text: number, length: number): void;
  /** Forgets the key, unless that lies in the key's place alone. */
  free(): void;
}

/** Poly1305; one message at a time. */
export interface Authenticator {
  /** `key`: of 32 bytes. */
  init(key: number): void;
  /** Of whole blocks of 16 bytes, except where the message is given in two steps. */
  update(text: number, length: number): void;
  /** Writes the 16 bytes of the tag. */
  final(tag: number): void;
}

export interface Primitives {
  /** A stream under the key at that address, which stays there until the stream is freed. */
  readonly newStream: (key: number) => Stream;
  readonly mac: Authenticator;
}

/** Memory that the primitives may use. */
export interface SharedScratch {
  /** Its address, and its words. */
  readonly counterBlock: number;
  readonly counterWords: Uint32Array;
  /** Of STATE_BYTES bytes. */
  readonly state: number;
  readonly stateMemory: Uint8Array;
}

/** Poly1305's state has 248 bytes on x86-64. */
export const STATE_BYTES = 1_024;

const TAG_BYTES = 16;
const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / 4;
/** Poly1305 works on blocks of 16 bytes. */
const PADDING_MASK = 15;
const WORD = 2 ** 32;

/** Where things lie in the scratch memory; spaced, so that what one call writes is not what the next reads. */
const SCRATCH = {
  counterBlock: 0,
  /** Up to 15 zeros that complete the last block of text, then the 16 bytes with the lengths. */
  trailer: 64,
  tag: 128,
  zeroBlock: 192,
  oneTimeKey: 256,
  state: 320,
  bytes: 320 + STATE_BYTES,
} as const;
/** Index of the text's length in the scratch's words: the trailer is 16 zeros, 8 zeros and the length. */
const LENGTH_WORD = (SCRATCH.trailer + 24) / 4;
const OWN_TAG_WORD = SCRATCH.tag / 4;
/** What a tag may cover behind the text, rounded up: 15 bytes of padding and 16 with the lengths. */
const TRAILER_BYTES = 32;

/** Makes ciphers that share one scratch memory: each call is complete in itself. */
export function composeCiphers(
  { addressOf }: Foreign,
  bindPrimitives: (scratch: SharedScratch) => Primitives,
): (key: Uint8Array) => TransportCipher {
  const addresses = new Addresses(addressOf);
  const keys = new KeyStore(addressOf);
  const scratch = new Uint8Array(SCRATCH.bytes);
  const words = new Uint32Array(scratch.buffer);
  /** What lies where block 0 is made for a moment. */
  const neighbour = new Int32Array(BLOCK_WORDS);
  const at = addressOf(scratch);
  const trailer = at + SCRATCH.trailer;
  const ownTag = at + SCRATCH.tag;
  const zeroBlock = at + SCRATCH.zeroBlock;
  const oneTimeKey = at + SCRATCH.oneTimeKey;
  const { newStream, mac } = bindPrimitives({
    counterBlock: at + SCRATCH.counterBlock,
    counterWords: words.subarray(0, TAG_BYTES / 4),
    state: at + SCRATCH.state,
    stateMemory: scratch.subarray(SCRATCH.state),
  });

  /** Sets the counter block to block 0 of a packet. */
  function count(counter: number): void {
    words[0] = 0;
    words[2] = counter; // a store into 32 bits takes the low ones
    words[3] = counter / WORD;
  }

  /** Makes the one-time key and begins the tag. The next block is the text's first. */
  function begin(stream: Stream): void {
    stream.start();
    stream.xor(oneTimeKey, zeroBlock, BLOCK_BYTES);
    mac.init(oneTimeKey);
  }

  /** {@link begin}, and encrypts; the text is at `from` in `addresses.view`, a block or more. */
  function beginAndEncrypt(stream: Stream, text: number, from: number, length: number): void {
    const { view } = addresses;
    const blockAt = from - BLOCK_BYTES;
    for (let i = 0; i < BLOCK_WORDS; i++) {
      neighbour[i] = view.getInt32(blockAt + i * 4, true);
      view.setInt32(blockAt + i * 4, 0, true);
    }
    const block = text - BLOCK_BYTES;
    stream.start();
    stream.xor(block, block, length + BLOCK_BYTES);
    mac.init(block);
    for (let i = 0; i < BLOCK_WORDS; i++) {
      view.setInt32(blockAt + i * 4, neighbour[i] as number, true);
    }
  }

  /**
   * Writes the tag of the encrypted text to the address `tag`. `behind` is the place behind the text in
   * `addresses.view`.
   */
  function authenticate(text: number, length: number, behind: number, tag: number): void {
    const padding = -length & PADDING_MASK;
    const { view } = addresses;
    if (behind + TRAILER_BYTES > view.byteLength) {
      authenticateAtEnd(text, length, tag);
      return;
    }
    // What lies behind the tag's place is a neighbour's.
    const a = view.getInt32(behind + 16, true);
    const b = view.getInt32(behind + 20, true);
    const c = view.getInt32(behind + 24, true);
    const d = view.getInt32(behind + 28, true);
    view.setInt32(behind, 0, true);
    view.setInt32(behind + 4, 0, true);
    view.setInt32(behind + 8, 0, true);
    view.setInt32(behind + 12, 0, true);
    view.setInt32(behind + 16, 0, true);
    view.setInt32(behind + 20, 0, true);
    view.setInt32(behind + 24, 0, true);
    view.setInt32(behind + 28, 0, true);
    view.setInt32(behind + padding + 8, length, true);
    mac.update(text, length + padding + TAG_BYTES);
    view.setInt32(behind + 16, a, true);
    view.setInt32(behind + 20, b, true);
    view.setInt32(behind + 24, c, true);
    view.setInt32(behind + 28, d, true);
    mac.final(tag);
  }

  /** The same in two steps, where the memory ends with the packet. */
  function authenticateAtEnd(text: number, length: number, tag: number): void {
    const inLastBlock = length & PADDING_MASK;
    words[LENGTH_WORD] = length;
    if (length > 0) mac.update(text, length);
    if (inLastBlock === 0) mac.update(trailer + TAG_BYTES, TAG_BYTES);
    else mac.update(trailer + inLastBlock, TRAILER_BYTES - inLastBlock);
    mac.final(tag);
  }

  return (keyBytes) => {
    const place = keys.take(keyBytes);
    const stream = newStream(keys.addressOf(place));
    let isErased = false;
    return {
      seal(counter, memory, from, length) {
        assert(!isErased, 'an erased cipher is not used');
        const text = addresses.of(memory, from, length + TAG_BYTES);
        count(counter);
        if (from >= BLOCK_BYTES) beginAndEncrypt(stream, text, from, length);
        else {
          begin(stream);
          if (length > 0) stream.xor(text, text, length);
        }
        authenticate(text, length, from + length, text + length);
      },
      open(counter, memory, from, length) {
        assert(!isErased, 'an erased cipher is not used');
        const textBytes = length - TAG_BYTES;
        if (textBytes < 0) return false;
        const text = addresses.of(memory, from, length);
        count(counter);
        begin(stream);
        const { view } = addresses;
        // The tag is compared as a whole, and its place used for what it covers.
        const tagAt = from + textBytes;
        const a = view.getInt32(tagAt, true);
        const b = view.getInt32(tagAt + 4, true);
        const c = view.getInt32(tagAt + 8, true);
        const d = view.getInt32(tagAt + 12, true);
        authenticate(text, textBytes, tagAt, ownTag);
        const difference =
          (a ^ (words[OWN_TAG_WORD] as number)) |
          (b ^ (words[OWN_TAG_WORD + 1] as number)) |
          (c ^ (words[OWN_TAG_WORD + 2] as number)) |
          (d ^ (words[OWN_TAG_WORD + 3] as number));
        if (difference !== 0) return false;
        if (textBytes > 0) stream.xor(text, text, textBytes);
        return true;
      },
      erase() {
        if (isErased) return;
        isErased = true;
        stream.free();
        keys.release(place);
        // Nothing of the last packet's one-time key stays either.
        scratch.fill(0, SCRATCH.tag);
      },
    };
  };
}
