/**
 * The outside, as core sees it. Shells implement these; the simulator implements them deterministically.
 *
 * core never reads a clock or a random source by itself: `now` is an argument, randomness is a port.
 */
import type { DecodeFailure } from './base/failure.js';
import type { Instant } from './base/instant.js';

/** A source of unpredictable bytes; seeded in the simulator. */
export interface Random {
  /** Fills `target` completely and returns it. */
  fill(target: Uint8Array): Uint8Array;
}

/**
 * ChaCha20-Poly1305 under one key with WireGuard's nonces (four zero bytes, then the counter, little-endian),
 * without associated data, in place. This is what every packet passes through: implementations keep what they
 * can for a key and make no objects of their own per call.
 */
export interface TransportCipher {
  /**
   * Seals `length` bytes at `memory[at]`; the tag follows them at `memory[at + length]`. `counter` is a safe
   * integer that no other message under this key has.
   */
  seal(counter: number, memory: Uint8Array, at: number, length: number): void;
  /**
   * Opens `length` bytes (tag included) at `memory[at]` into the first `length - 16` of them. Returns false,
   * with the range's content undefined, when the tag is wrong or `length` is under 16.
   */
  open(counter: number, memory: Uint8Array, at: number, length: number): boolean;
  /** Overwrites the key. The cipher must not be used afterwards. */
  erase(): void;
}

/**
 * Cryptography, synchronous. Keys are 32 bytes, nonces as each primitive says, tags 16 bytes.
 *
 * Implementations: `crypto/noble.ts` (pure, for the simulator and tests) and the shell's native one.
 */
export interface Crypto {
  /** X25519 (RFC 7748). Undefined when the result is all zeros: the public key was of low order. */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  /** The public key of an X25519 private key. */
  x25519PublicKey(privateKey: Uint8Array): Uint8Array;
  /** BLAKE2s with `length` bytes of output (16 or 32), keyed when `key` is given (RFC 7693). */
  blake2s(length: 16 | 32, input: Uint8Array, key?: Uint8Array): Uint8Array;
  /** HMAC over BLAKE2s-256 (block size 64), as Noise uses it. */
  hmacBlake2s(key: Uint8Array, input: Uint8Array): Uint8Array;
  /**
   * ChaCha20-Poly1305 (RFC 8439): reads `length` bytes at `source[sourceAt]`, writes `length + 16` bytes at
   * `target[targetAt]`. The two ranges may be the same memory when the offsets are equal.
   */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    source: Uint8Array,
    sourceAt: number,
    length: number,
    target: Uint8Array,
    targetAt: number,
  ): void;
  /**
   * Opens `length` bytes (tag included) at `source[sourceAt]` into `length - 16` bytes at `target[targetAt]`.
   * Returns false, with the target's content undefined, when the tag is wrong or length is under 16.
   */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    source: Uint8Array,
    sourceAt: number,
    length: number,
    target: Uint8Array,
    targetAt: number,
  ): boolean;
  /** A cipher for the messages of one direction under `key`, which it copies. The owner erases it. */
  transportCipher(key: Uint8Array): TransportCipher;
  /** NaCl's `crypto_box_beforenm`; undefined for a public key of low order. */
  boxShared(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  /** NaCl `crypto_box_afternm`: 16-byte tag, then ciphertext. `nonce` is 24 bytes. */
  boxSeal(shared: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Opens what {@link boxSeal} made; undefined when it was forged or damaged. */
  boxOpen(shared: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): ciphertext, then the tag. `nonce` is 24 bytes. */
  xSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ): Uint8Array;
  /** Opens what {@link xSeal} made; undefined when it was forged or damaged. */
  xOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    associated: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
  /** SHA-256. */
  sha256(input: Uint8Array): Uint8Array;
}

/** A machine off the packet path (docs/ARCHITECTURE.md): total on peer input, drained by `poll`. */
export interface Machine<Input, Output> {
  /** Takes one input. Never throws on what a peer sent. */
  handle(input: Input, now: Instant): void;
  /** The next output, until undefined. */
  poll(): Output | undefined;
  /** When to call `handle` with a timeout input next; undefined: not by itself. */
  nextTimeout(): Instant | undefined;
}

/** What decoders answer. */
export type Decoded<T, Reason extends string = string> = T | DecodeFailure<Reason>;
