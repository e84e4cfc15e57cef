/**
 * The sealed envelope of every disco message.
 *
 *     0   6   magic: 54 53 f0 9f 92 ac
 *     6   32  sender's disco public key, in clear
 *     38  24  random nonce
 *     62  16  Poly1305 tag
 *     78  n   ciphertext of the inner message
 *
 * NaCl `crypto_box` between the two disco keys. Whose key may be opened at all is the caller's question,
 * asked before any cryptography: {@link peekSender} and a look into the network map.
 */
import { assert } from '../base/assert.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import {
  type DiscoKey,
  type DiscoPrivateKey,
  KEY_BYTES,
  publicKeyBytes,
  publicKeyFromBytes,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { isDisco } from './classify.js';

export const DISCO_MAGIC = new Uint8Array([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]);

const SENDER_AT = DISCO_MAGIC.length;
const NONCE_AT = SENDER_AT + KEY_BYTES;
const NONCE_BYTES = 24;
const BOX_AT = NONCE_AT + NONCE_BYTES;
const TAG_BYTES = 16;

/** What an envelope adds to its inner message. */
export const ENVELOPE_BYTES = BOX_AT + TAG_BYTES;

/** Largest inner message that a UDP datagram over IPv4 can carry. */
const MAX_INNER_BYTES = 65_507 - ENVELOPE_BYTES;

/**
 * Who claims to have sent the envelope at `bytes[at .. at + length)`; undefined when it is no envelope.
 * The claim proves nothing until the envelope opens.
 */
export function peekSender(
  bytes: Uint8Array,
  at = 0,
  length = bytes.length - at,
): DiscoKey | undefined {
  if (!isDisco(bytes, at, length)) return undefined;
  return publicKeyFromBytes('disco', bytes.subarray(at + SENDER_AT, at + NONCE_AT));
}

export interface DiscoBoxOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly ownKey: DiscoKey;
  readonly ownPrivateKey: DiscoPrivateKey;
  readonly peerKey: DiscoKey;
}

/**
 * Seals to and opens from one peer. The shared key is computed at first use and kept: a network map with
 * thousands of peers costs nothing until they talk.
 */
export class DiscoBox {
  readonly peerKey: DiscoKey;
  readonly #options: DiscoBoxOptions;
  /** Null: the peer's key is of low order, so nothing can be said to it. */
  #shared: Uint8Array | null | undefined;

  constructor(options: DiscoBoxOptions) {
    this.peerKey = options.peerKey;
    this.#options = options;
  }

  /** An envelope around `inner`; fails when the peer's key is of low order. */
  seal(inner: Uint8Array): Uint8Array | DecodeFailure {
    assert(inner.length <= MAX_INNER_BYTES, 'an envelope fits into a datagram');
    const shared = this.#sharedKey();
    if (shared === null) return fail('weak-key');
    const { crypto, random, ownKey } = this.#options;
    const envelope = new Uint8Array(ENVELOPE_BYTES + inner.length);
    envelope.set(DISCO_MAGIC);
    envelope.set(publicKeyBytes(ownKey), SENDER_AT);
    const nonce = random.fill(envelope.subarray(NONCE_AT, BOX_AT));
    envelope.set(crypto.boxSeal(shared, nonce, inner), BOX_AT);
    return envelope;
  }

  /** The inner message of an envelope from this peer. A wrong key in flight is normal after a restart. */
  open(envelope: Uint8Array): Uint8Array | DecodeFailure {
    if (envelope.length < ENVELOPE_BYTES) return fail('too-short');
    const sender = peekSender(envelope);
    if (sender === undefined) return fail('bad-magic');
    if (sender !== this.peerKey) return fail('other-sender');
    const shared = this.#sharedKey();
    if (shared === null) return fail('weak-key');
    const nonce = envelope.subarray(NONCE_AT, BOX_AT);
    const inner = this.#options.crypto.boxOpen(shared, nonce, envelope.subarray(BOX_AT));
    return inner ?? fail('forged');
  }

  #sharedKey(): Uint8Array | null {
    if (this.#shared === undefined) {
      const { crypto, ownPrivateKey } = this.#options;
      this.#shared = crypto.boxShared(ownPrivateKey, publicKeyBytes(this.peerKey)) ?? null;
    }
    return this.#shared;
  }
}
