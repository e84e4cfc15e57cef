/**
 * The symmetric half of the Noise handshake: chaining key, handshake hash and one-shot keys.
 *
 *     h = H(name); ck = h; mixHash(prologue); mixHash(responder's static key)
 *     mixKey(dh)        temp = HMAC(ck, dh); ck = HMAC(temp, 01); k = HMAC(temp, ck 02)
 *     sealAndMix(k, m)  c = AEAD(k, nonce 0, h, m); h = H(h c)
 *     split()           as mixKey over nothing: (client to server, server to client)
 *
 * Every mixKey yields a key that seals exactly one message, so handshake nonces are always zero.
 * Source: Noise revision 34 section 5.2, pattern IK; names and prologue as the ts2021 protocol fixes them.
 */
import { assert } from '../base/assert.js';
import { concatBytes } from '../base/bytes.js';
import { encodeUtf8 } from '../base/text.js';
import type { Crypto } from '../ports.js';
import { TAG_BYTES } from './frames.js';

/** 33 bytes, one more than a hash, so Noise hashes the name instead of padding it. */
const PROTOCOL_NAME = encodeUtf8('Noise_IK_25519_ChaChaPoly_BLAKE2s');

/** Followed by the version in decimal: both sides thereby agree on the version of message 1. */
const PROLOGUE = 'Tailscale Control Protocol v';

const HANDSHAKE_NONCE = new Uint8Array(12);
const NOTHING = new Uint8Array(0);
const FIRST = new Uint8Array([1]);
const SECOND = new Uint8Array([2]);

/** The two transport keys that a finished handshake leaves. */
export interface TransportKeys {
  readonly clientToServer: Uint8Array;
  readonly serverToClient: Uint8Array;
}

/** One handshake's running state; both roles feed it the same bytes in the same order. */
export class SymmetricState {
  readonly #crypto: Crypto;
  #hash: Uint8Array;
  #chainingKey: Uint8Array;

  /** Starts a handshake of `version` towards the server whose raw static key is `serverKey`. */
  constructor(crypto: Crypto, version: number, serverKey: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = crypto.blake2s(32, PROTOCOL_NAME);
    this.#chainingKey = this.#hash;
    this.mixHash(encodeUtf8(`${PROLOGUE}${version}`));
    this.mixHash(serverKey);
  }

  /** Binds everything said so far; after the handshake it names this connection. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  /** Appends public bytes of the transcript. */
  mixHash(bytes: Uint8Array): void {
    this.#hash = this.#crypto.blake2s(32, concatBytes(this.#hash, bytes));
  }

  /** Mixes a Diffie-Hellman result in and returns a key for one message. */
  mixKey(shared: Uint8Array): Uint8Array {
    const [chainingKey, key] = this.#derive(shared);
    this.#chainingKey = chainingKey;
    return key;
  }

  /** Seals `plaintext` under a one-shot key, bound to the transcript, and appends the result to it. */
  sealAndMix(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
    const { length } = plaintext;
    this.#crypto.seal(key, HANDSHAKE_NONCE, this.#hash, plaintext, 0, length, sealed, 0);
    this.mixHash(sealed);
    return sealed;
  }

  /** Opens what {@link sealAndMix} made; undefined when it is forged, and the handshake is over. */
  openAndMix(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    assert(sealed.length >= TAG_BYTES, 'frames cut sealed parts to their full length');
    const { length } = sealed;
    const plaintext = new Uint8Array(length - TAG_BYTES);
    const opened = this.#crypto.open(
      key,
      HANDSHAKE_NONCE,
      this.#hash,
      sealed,
      0,
      length,
      plaintext,
      0,
    );
    if (!opened) return undefined;
    this.mixHash(sealed);
    return plaintext;
  }

  /** The transport keys; the handshake is complete. */
  split(): TransportKeys {
    const [clientToServer, serverToClient] = this.#derive(NOTHING);
    return { clientToServer, serverToClient };
  }

  #derive(input: Uint8Array): [Uint8Array, Uint8Array] {
    const secret = this.#crypto.hmacBlake2s(this.#chainingKey, input);
    const first = this.#crypto.hmacBlake2s(secret, FIRST);
    return [first, this.#crypto.hmacBlake2s(secret, concatBytes(first, SECOND))];
  }
}
