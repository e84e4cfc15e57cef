/**
 * The keys of one handshake: seals outgoing and opens incoming transport messages where they lie.
 *
 *     memory:  ... | header 16 | IP packet | padding 0..15 | tag 16 | ...
 *                              ^ at
 *
 * No object is made per packet: a cipher is kept per direction.
 *
 * Source: WireGuard whitepaper, section 5.4.6.
 */
import { assert } from '../base/assert.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { Crypto, TransportCipher } from '../ports.js';
import {
  MESSAGE,
  paddedLength,
  readCounter,
  TAG_BYTES,
  TRANSPORT_AT,
  TRANSPORT_HEADER_BYTES,
  writeCounter,
  writeUint32,
} from './messages.js';
import type { TransportKeys } from './noise.js';
import { ReplayWindow } from './replay-window.js';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_MS } from './timers.js';

export type TransportFailure =
  | 'transport-expired-keys'
  | 'transport-counter-too-large'
  | 'transport-replayed'
  | 'transport-forged';

export class Keypair {
  readonly localIndex: number;
  /** Initiators renew keys, responders don't: otherwise both would at the same time. */
  readonly isInitiator: boolean;
  readonly createdAt: Instant;
  /** Counter of the next message. */
  sendCounter = 0;
  /** The index that the peer wants to see in our packets. */
  readonly #remoteIndex: number;
  readonly #sealer: TransportCipher;
  readonly #opener: TransportCipher;
  readonly #window = new ReplayWindow();
  #erased = false;

  /** Takes the keys over: they are zeros afterwards, and only the ciphers have them. */
  constructor(
    crypto: Crypto,
    keys: TransportKeys,
    localIndex: number,
    isInitiator: boolean,
    createdAt: Instant,
  ) {
    this.#remoteIndex = keys.remoteIndex;
    this.#sealer = crypto.transportCipher(keys.sendKey);
    this.#opener = crypto.transportCipher(keys.receiveKey);
    keys.sendKey.fill(0);
    keys.receiveKey.fill(0);
    this.localIndex = localIndex;
    this.isInitiator = isInitiator;
    this.createdAt = createdAt;
  }

  ageMs(now: Instant): number {
    return now - this.createdAt;
  }

  /** False when the keys are too old or too much used to seal anything more. */
  canSend(now: Instant): boolean {
    return this.ageMs(now) < REJECT_AFTER_MS && this.sendCounter < REJECT_AFTER_MESSAGES;
  }

  /**
   * Seals the packet at `memory[at .. at + length)` in place and returns the length of the message, which
   * begins TRANSPORT_HEADER_BYTES before `at`. Those bytes and up to PADDING_BYTES + TAG_BYTES behind the
   * packet are overwritten. Length 0 makes a keepalive.
   */
  sealInto(memory: Uint8Array, at: number, length: number, mtuBytes: number): number {
    assert(!this.#erased && this.sendCounter < REJECT_AFTER_MESSAGES, 'these keys still send');
    const start = at - TRANSPORT_HEADER_BYTES;
    const padded = paddedLength(length, mtuBytes);
    if (padded > length) memory.fill(0, at + length, at + padded);
    const counter = this.sendCounter++;
    writeUint32(memory, start, MESSAGE.transport);
    writeUint32(memory, start + TRANSPORT_AT.receiver, this.#remoteIndex);
    writeCounter(memory, start + TRANSPORT_AT.counter, counter);
    this.#sealer.seal(counter, memory, at, padded);
    return TRANSPORT_HEADER_BYTES + padded + TAG_BYTES;
  }

  /**
   * Opens the transport message at `memory[at .. at + length)` in place. The plaintext, padding included,
   * begins TRANSPORT_HEADER_BYTES after `at`; its length is returned. On failure that range is undefined.
   */
  openInto(
    memory: Uint8Array,
    at: number,
    length: number,
    now: Instant,
  ): number | DecodeFailure<TransportFailure> {
    if (this.ageMs(now) >= REJECT_AFTER_MS) return fail('transport-expired-keys');
    const counter = readCounter(memory, at + TRANSPORT_AT.counter);
    if (counter >= REJECT_AFTER_MESSAGES) return fail('transport-counter-too-large');
    if (!this.#window.isFresh(counter)) return fail('transport-replayed');
    if (!this.#open(memory, at, length, counter)) return fail('transport-forged');
    this.#window.accept(counter);
    return length - TRANSPORT_HEADER_BYTES - TAG_BYTES;
  }

  /**
   * Whether a message that {@link openInto} called replayed is at least a true one: a copy that took another
   * way shows that the way works. Overwrites the message.
   */
  isGenuine(memory: Uint8Array, at: number, length: number): boolean {
    const counter = readCounter(memory, at + TRANSPORT_AT.counter);
    return counter < REJECT_AFTER_MESSAGES && this.#open(memory, at, length, counter);
  }

  /** Overwrites the keys. Nothing can be sealed or opened afterwards. */
  erase(): void {
    if (this.#erased) return;
    this.#erased = true;
    this.#sealer.erase();
    this.#opener.erase();
  }

  #open(memory: Uint8Array, at: number, length: number, counter: number): boolean {
    if (this.#erased) return false;
    const sealed = length - TRANSPORT_HEADER_BYTES;
    return this.#opener.open(counter, memory, at + TRANSPORT_HEADER_BYTES, sealed);
  }
}
