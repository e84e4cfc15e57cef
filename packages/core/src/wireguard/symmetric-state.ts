/**
 * The running hash and chaining key of one Noise handshake, with the operations that mix into them.
 *
 * Source: Noise protocol framework, section 5.2; WireGuard whitepaper, section 5.4 (KDF1, KDF2, KDF3).
 */
import { concatBytes } from '../base/bytes.js';
import type { Crypto } from '../ports.js';
import { TAG_BYTES } from './messages.js';

/** Each handshake key seals one message, so its nonce is always zero. */
const ZERO_NONCE = new Uint8Array(12);

const ONE = Uint8Array.of(1);

export class SymmetricState {
  readonly #crypto: Crypto;
  #chainKey: Uint8Array;
  #hash: Uint8Array;

  /** Neither array is written to; both may be shared between handshakes. */
  constructor(crypto: Crypto, chainKey: Uint8Array, hash: Uint8Array) {
    this.#crypto = crypto;
    this.#chainKey = chainKey;
    this.#hash = hash;
  }

  /** A copy, so that a forged answer can't spoil the original. */
  clone(): SymmetricState {
    return new SymmetricState(this.#crypto, this.#chainKey, this.#hash);
  }

  mixHash(bytes: Uint8Array): void {
    this.#hash = this.#crypto.blake2s(32, concatBytes(this.#hash, bytes));
  }

  /** KDF1: only the chaining key moves. */
  mixChainKey(input: Uint8Array): void {
    this.#chainKey = this.#crypto.hmacBlake2s(this.#extract(input), ONE);
  }

  /** KDF2: the chaining key moves and a key for one message comes out. */
  mixKey(input: Uint8Array): Uint8Array {
    const [chainKey, key] = this.#expandTwo(this.#extract(input));
    this.#chainKey = chainKey;
    return key;
  }

  /** KDF3 for the pre-shared key: chaining key, hash, and a key for one message. */
  mixKeyAndHash(presharedKey: Uint8Array): Uint8Array {
    const secret = this.#extract(presharedKey);
    const [chainKey, toHash] = this.#expandTwo(secret);
    this.#chainKey = chainKey;
    this.mixHash(toHash);
    return this.#crypto.hmacBlake2s(secret, concatBytes(toHash, Uint8Array.of(3)));
  }

  /** Seals `plaintext` under `key` to `target[at]`, bound to everything mixed so far. */
  sealAndHash(key: Uint8Array, plaintext: Uint8Array, target: Uint8Array, at: number): void {
    const { length } = plaintext;
    this.#crypto.seal(key, ZERO_NONCE, this.#hash, plaintext, 0, length, target, at);
    this.mixHash(target.subarray(at, at + length + TAG_BYTES));
  }

  /** Opens `sealed`; undefined when it is forged, and then this state is of no further use. */
  openAndHash(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = new Uint8Array(sealed.length - TAG_BYTES);
    const opened = this.#crypto.open(
      key,
      ZERO_NONCE,
      this.#hash,
      sealed,
      0,
      sealed.length,
      plaintext,
      0,
    );
    if (!opened) return undefined;
    this.mixHash(sealed);
    return plaintext;
  }

  /** The two transport keys: initiator to responder, responder to initiator. */
  split(): readonly [Uint8Array, Uint8Array] {
    return this.#expandTwo(this.#extract(new Uint8Array(0)));
  }

  #extract(input: Uint8Array): Uint8Array {
    return this.#crypto.hmacBlake2s(this.#chainKey, input);
  }

  #expandTwo(secret: Uint8Array): readonly [Uint8Array, Uint8Array] {
    const first = this.#crypto.hmacBlake2s(secret, ONE);
    const second = this.#crypto.hmacBlake2s(secret, concatBytes(first, Uint8Array.of(2)));
    return [first, second];
  }
}
