/**
 * The running hash and chaining key of one Noise handshake, with the operations that mix into them.
 *
 *     mixHash(m)           h = H(h m)
 *     mixChainKey(s)       t = HMAC(ck, s); ck = HMAC(t, 01)
 *     mixKey(s)            as mixChainKey; k = HMAC(t, ck 02)
 *     mixKeyAndHash(psk)   as mixChainKey; x = HMAC(t, ck 02); h = H(h x); k = HMAC(t, x 03)
 *     sealAndHash(k, m)    c = AEAD(k, nonce 0, h, m); h = H(h c)
 *     split()              as mixKey over nothing: (initiator to responder, responder to initiator)
 *
 * H is BLAKE2s-256, HMAC runs over it, the AEAD is ChaCha20-Poly1305. What differs between protocols stays
 * with them: the values this starts from (name, prologue, known keys), whether ephemeral keys move the
 * chaining key (only in patterns with a pre-shared key), and the nonces of the transport.
 *
 * Source: Noise revision 34, sections 4.3 and 5.2; WireGuard whitepaper, section 5.4 (KDF1, KDF2, KDF3).
 */
import { assert } from '../base/assert.js';
import { concatBytes } from '../base/bytes.js';
import type { Crypto } from '../ports.js';

/** Each handshake key seals exactly one message, so its nonce is always zero. */
const HANDSHAKE_NONCE = new Uint8Array(12);

/** Poly1305. */
const TAG_BYTES = 16;

const NOTHING = new Uint8Array(0);
const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2);
const THREE = Uint8Array.of(3);

/** One handshake's running state; both roles feed it the same bytes in the same order. */
export class NoiseSymmetricState {
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
  clone(): NoiseSymmetricState {
    return new NoiseSymmetricState(this.#crypto, this.#chainKey, this.#hash);
  }

  /** Binds everything said so far; after the handshake it names this connection. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  /** Appends public bytes of the transcript. */
  mixHash(bytes: Uint8Array): void {
    this.#hash = this.#crypto.blake2s(32, concatBytes(this.#hash, bytes));
  }

  /** Mixes a secret in (KDF1); {@link mixKey} for where its key would go unused. */
  mixChainKey(secret: Uint8Array): void {
    this.#chainKey = this.#crypto.hmacBlake2s(this.#extract(secret), ONE);
  }

  /** Mixes a secret in and returns a key for one message (KDF2). */
  mixKey(secret: Uint8Array): Uint8Array {
    const [chainKey, key] = this.#expandTwo(this.#extract(secret));
    this.#chainKey = chainKey;
    return key;
  }

  /** The psk token (KDF3): mixes the pre-shared key into both values and returns a key for one message. */
  mixKeyAndHash(presharedKey: Uint8Array): Uint8Array {
    const extracted = this.#extract(presharedKey);
    const [chainKey, toHash] = this.#expandTwo(extracted);
    this.#chainKey = chainKey;
    this.mixHash(toHash);
    return this.#crypto.hmacBlake2s(extracted, concatBytes(toHash, THREE));
  }

  /** Seals `plaintext` under a one-shot key, bound to the transcript, and appends the result to it. */
  sealAndHash(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const { length } = plaintext;
    const sealed = new Uint8Array(length + TAG_BYTES);
    this.#crypto.seal(key, HANDSHAKE_NONCE, this.#hash, plaintext, 0, length, sealed, 0);
    this.mixHash(sealed);
    return sealed;
  }

  /** Opens what {@link sealAndHash} made; undefined when it is forged, and this state is of no further use. */
  openAndHash(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const { length } = sealed;
    assert(length >= TAG_BYTES, 'frames cut sealed parts to their full length');
    const plaintext = new Uint8Array(length - TAG_BYTES);
    const hash = this.#hash;
    if (!this.#crypto.open(key, HANDSHAKE_NONCE, hash, sealed, 0, length, plaintext, 0)) {
      return undefined;
    }
    this.mixHash(sealed);
    return plaintext;
  }

  /** The two transport keys: initiator to responder, responder to initiator. */
  split(): readonly [Uint8Array, Uint8Array] {
    return this.#expandTwo(this.#extract(NOTHING));
  }

  #extract(secret: Uint8Array): Uint8Array {
    return this.#crypto.hmacBlake2s(this.#chainKey, secret);
  }

  #expandTwo(extracted: Uint8Array): readonly [Uint8Array, Uint8Array] {
    const first = this.#crypto.hmacBlake2s(extracted, ONE);
    return [first, this.#crypto.hmacBlake2s(extracted, concatBytes(first, TWO))];
  }
}
