/**
 * The handshakes of one peer, in both directions at once.
 *
 *     as initiator:  idle --begin--> waiting --complete--> idle (keys)
 *                            ^----- begin again: the old initiation is forgotten
 *     as responder:  accept: checked, answered, keys; nothing is kept but the timestamp
 *
 * The two directions don't disturb each other. When both peers begin at the same moment both handshakes
 * succeed, and each side sends on its own; peers that keep a single state lose both and wait 5 s.
 *
 * Source: WireGuard whitepaper, sections 5.1, 5.3 and 6.1.
 */
import { type DecodeFailure, fail, isFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { Crypto, Random } from '../ports.js';
import { type CookieFailure, CookieHolder } from './cookies.js';
import type { IndexTable } from './index-table.js';
import { Keypair } from './keypair.js';
import { INITIATION_AT, RESPONSE_AT } from './messages.js';
import {
  consumeResponse,
  createInitiation,
  createPeerStatics,
  createResponse,
  type Identity,
  type InitiationFailure,
  type InitiationState,
  type PeerStatics,
  type ReceivedInitiation,
  type ResponseFailure,
} from './noise.js';
import { isLater, TAI64N_BYTES, type TimestampSource } from './tai64n.js';

/** A peer may begin 50 times a second; more is a flood, and each costs us three X25519. As in wireguard-go. */
export const INITIATION_INTERVAL_MS = 20;

/** What handshakes need of the device. */
export interface HandshakeContext<Owner> {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly indexes: IndexTable<Owner>;
  readonly timestamps: TimestampSource;
  /** Undefined until we have a key. */
  readonly identity: Identity | undefined;
}

interface Pending {
  readonly index: number;
  readonly identity: Identity;
  readonly statics: PeerStatics;
  readonly state: InitiationState;
  readonly message: Uint8Array;
}

/** An answered initiation. */
export interface Answer {
  readonly message: Uint8Array;
  readonly keypair: Keypair;
}

export type AcceptFailure =
  | InitiationFailure
  | 'initiation-replayed'
  | 'initiation-flood'
  | 'initiation-no-identity'
  | 'initiation-sender-differs';

export type CompleteFailure = ResponseFailure | 'response-unexpected' | 'response-sender-differs';

export class Handshake<Owner> {
  readonly #context: HandshakeContext<Owner>;
  readonly #owner: Owner;
  readonly #publicKey: Uint8Array;
  readonly #cookies: CookieHolder;
  /** Computed when first needed: a network of thousands talks to a few. */
  #statics: PeerStatics | undefined;
  #pending: Pending | undefined;
  #lastTimestamp = new Uint8Array(TAI64N_BYTES);
  #lastAcceptedAt = Number.NEGATIVE_INFINITY;

  constructor(context: HandshakeContext<Owner>, owner: Owner, publicKey: Uint8Array) {
    this.#context = context;
    this.#owner = owner;
    this.#publicKey = publicKey;
    this.#cookies = new CookieHolder(context.crypto);
  }

  /** The peer's static values under our present identity; undefined: none, or a key of low order. */
  statics(): PeerStatics | undefined {
    const { crypto, identity } = this.#context;
    if (this.#statics === undefined && identity !== undefined) {
      this.#statics = createPeerStatics(crypto, identity, this.#publicKey);
    }
    return this.#statics;
  }

  /** An initiation waits for its response. */
  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  /** The initiation that waits for its response, to be sent again: with the cookie that may have come since. */
  pendingMessage(now: Instant): Uint8Array | undefined {
    const message = this.#pending?.message;
    if (message !== undefined) this.#cookies.finish(message, INITIATION_AT.mac1, now);
    return message;
  }

  /** Makes a new initiation in place of a pending one; undefined when there is no usable key. */
  begin(now: Instant): Uint8Array | undefined {
    const { crypto, random, indexes, identity, timestamps } = this.#context;
    const statics = this.statics();
    if (identity === undefined || statics === undefined) return undefined;
    this.abandon();
    const index = indexes.reserve(this.#owner);
    const made = createInitiation(crypto, random, identity, statics, index, timestamps.next());
    if (made === undefined) {
      indexes.release(index);
      return undefined;
    }
    this.#pending = { index, identity, statics, ...made };
    return this.pendingMessage(now);
  }

  /** Consumes the response to the pending initiation, whose index the keys inherit. */
  complete(
    index: number,
    message: Uint8Array,
    now: Instant,
  ): Keypair | DecodeFailure<CompleteFailure> {
    const pending = this.#pending;
    if (pending?.index !== index) return fail('response-unexpected');
    const { crypto, indexes } = this.#context;
    const keys = consumeResponse(crypto, pending.identity, pending.statics, pending.state, message);
    if (isFailure(keys)) return keys;
    pending.state.ephemeral.fill(0);
    this.#pending = undefined;
    const keypair = new Keypair(crypto, keys, index, true, now);
    const entry = indexes.get(index);
    if (entry !== undefined) entry.keypair = keypair;
    return keypair;
  }

  /** Answers a decrypted initiation if it is newer than all before and not one of a flood. */
  accept(received: ReceivedInitiation, now: Instant): Answer | DecodeFailure<AcceptFailure> {
    const { crypto, random, indexes } = this.#context;
    if (!isLater(received.timestamp, this.#lastTimestamp)) return fail('initiation-replayed');
    if (now - this.#lastAcceptedAt < INITIATION_INTERVAL_MS) return fail('initiation-flood');
    this.#lastTimestamp.set(received.timestamp);
    this.#lastAcceptedAt = now;
    const index = indexes.reserve(this.#owner);
    const made = createResponse(crypto, random, received, index);
    if (made === undefined) {
      indexes.release(index);
      return fail('initiation-low-order-key');
    }
    const keypair = new Keypair(crypto, made.keys, index, false, now);
    const entry = indexes.get(index);
    if (entry !== undefined) entry.keypair = keypair;
    this.#cookies.finish(made.message, RESPONSE_AT.mac1, now);
    return { message: made.message, keypair };
  }

  /** Takes the peer's cookie reply to our last message; the next one carries the cookie. */
  acceptCookie(reply: Uint8Array, now: Instant): DecodeFailure<CookieFailure> | undefined {
    const cookieKey = this.statics()?.cookieKey;
    if (cookieKey === undefined) return fail('cookie-reply-unexpected');
    return this.#cookies.accept(cookieKey, reply, now);
  }

  /** Forgets a pending initiation; a late response to it is then unexpected. */
  abandon(): void {
    if (this.#pending === undefined) return;
    this.#context.indexes.release(this.#pending.index);
    this.#pending.state.ephemeral.fill(0);
    this.#pending = undefined;
  }

  /** Forgets what followed from our former identity. Timestamps stay: they guard against the peer's replays. */
  identityChanged(): void {
    this.abandon();
    this.#cookies.clear();
    this.#statics = undefined;
  }
}
