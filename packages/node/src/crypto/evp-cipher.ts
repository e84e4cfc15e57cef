/**
 * ChaCha20-Poly1305 by OpenSSL's public interface EVP, which every Node exports, also one that is linked to the
 * system's OpenSSL: four calls a packet. A context keeps the key; each packet only begins it anew with its nonce.
 *
 * EVP_Cipher, which has no counts of bytes to write, is no shorter way: before OpenSSL 3.5 it completes nothing, and
 * the tag that one gets afterwards is that of an earlier packet.
 *
 * Source: OpenSSL manual EVP_EncryptInit(3), "AEAD ciphers".
 */
import { assert } from '@warren/core/base/assert';
import type { TransportCipher } from '@warren/core/ports';
import { Addresses, type Foreign, type ForeignCall, KeyStore } from './foreign.js';

const TAG_BYTES = 16;
/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const DECRYPT = 0;
const ENCRYPT = 1;
const NONCE_BYTES = 12;
/** Words of the nonce that hold the counter; the first is zero. */
const LOW_WORD = 1;
const HIGH_WORD = 2;
const WORD = 2 ** 32;

/** What all ciphers of a thread share. */
class Library {
  readonly addresses: Addresses;
  readonly keys: KeyStore;
  readonly newContext: ForeignCall;
  readonly freeContext: ForeignCall;
  readonly init: ForeignCall;
  readonly update: ForeignCall;
  readonly final: ForeignCall;
  readonly control: ForeignCall;
  readonly algorithm: number;
  /** The address where OpenSSL tells how much it wrote, which is always all. */
  readonly written: number;
  readonly #scratch = new Uint8Array(NONCE_BYTES + 4);
  readonly #words = new Uint32Array(this.#scratch.buffer);
  readonly #nonceAt: number;

  constructor({ bind, addressOf }: Foreign) {
    this.newContext = bind('uintptr_t EVP_CIPHER_CTX_new()');
    this.freeContext = bind('void EVP_CIPHER_CTX_free(uintptr_t context)');
    this.init = bind(
      'int EVP_CipherInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t nonce, int encrypt)',
    );
    this.update = bind(
      'int EVP_CipherUpdate(uintptr_t context, uintptr_t out, uintptr_t written, uintptr_t in, int length)',
    );
    this.final = bind(
      'int EVP_CipherFinal_ex(uintptr_t context, uintptr_t out, uintptr_t written)',
    );
    this.control = bind(
      'int EVP_CIPHER_CTX_ctrl(uintptr_t context, int type, int length, uintptr_t data)',
    );
    this.algorithm = bind('uintptr_t EVP_chacha20_poly1305()')();
    this.addresses = new Addresses(addressOf);
    this.keys = new KeyStore(addressOf);
    this.#nonceAt = addressOf(this.#scratch);
    this.written = this.#nonceAt + NONCE_BYTES;
  }

  /** The address of the nonce with this counter, until the next call. */
  nonce(counter: number): number {
    this.#words[LOW_WORD] = counter; // a store into 32 bits takes the low ones
    this.#words[HIGH_WORD] = counter / WORD;
    return this.#nonceAt;
  }
}

class EvpCipher implements TransportCipher {
  readonly #library: Library;
  readonly #place: Uint8Array;
  /** Contexts by direction, made when first needed; 0: not yet. */
  #sealing = 0;
  #opening = 0;
  #isErased = false;

  constructor(library: Library, key: Uint8Array) {
    this.#library = library;
    this.#place = library.keys.take(key);
  }

  seal(counter: number, memory: Uint8Array, at: number, length: number): void {
    assert(!this.#isErased, 'an erased cipher is not used');
    const library = this.#library;
    const { written } = library;
    const text = library.addresses.of(memory, at, length + TAG_BYTES);
    if (this.#sealing === 0) this.#sealing = this.#context(ENCRYPT);
    const context = this.#sealing;
    const isSealed =
      library.init(context, 0, 0, 0, library.nonce(counter), ENCRYPT) === 1 &&
      (length === 0 || library.update(context, text, written, text, length) === 1) &&
      library.final(context, text, written) === 1 &&
      library.control(context, GET_TAG, TAG_BYTES, text + length) === 1;
    assert(isSealed, 'OpenSSL seals');
  }

  open(counter: number, memory: Uint8Array, at: number, length: number): boolean {
    assert(!this.#isErased, 'an erased cipher is not used');
    const library = this.#library;
    const { written } = library;
    const textBytes = length - TAG_BYTES;
    if (textBytes < 0) return false;
    const text = library.addresses.of(memory, at, length);
    if (this.#opening === 0) this.#opening = this.#context(DECRYPT);
    const context = this.#opening;
    // The tag is compared at the end, by OpenSSL and in constant time.
    return (
      library.init(context, 0, 0, 0, library.nonce(counter), DECRYPT) === 1 &&
      library.control(context, SET_TAG, TAG_BYTES, text + textBytes) === 1 &&
      (textBytes === 0 || library.update(context, text, written, text, textBytes) === 1) &&
      library.final(context, text, written) === 1
    );
  }

  /** OpenSSL overwrites the contexts that it frees. */
  erase(): void {
    if (this.#isErased) return;
    this.#isErased = true;
    this.#library.keys.release(this.#place);
    for (const context of [this.#sealing, this.#opening]) {
      if (context !== 0) this.#library.freeContext(context);
    }
  }

  #context(direction: number): number {
    const { newContext, init, algorithm, keys } = this.#library;
    const context = newContext();
    assert(context !== 0, 'OpenSSL has memory for a context');
    const isReady = init(context, algorithm, 0, keys.addressOf(this.#place), 0, direction) === 1;
    assert(isReady, 'OpenSSL takes the key');
    return context;
  }
}

/** Throws when this Node doesn't export EVP, or has no ChaCha20-Poly1305 (a FIPS build). */
export function evpCiphers(foreign: Foreign): (key: Uint8Array) => TransportCipher {
  const library = new Library(foreign);
  if (library.algorithm === 0) throw new Error('OpenSSL has no ChaCha20-Poly1305');
  return (key) => new EvpCipher(library, key);
}
