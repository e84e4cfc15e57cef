/**
 * Cookies: how a loaded responder makes initiators prove their address before it computes for them.
 *
 *     initiator                                            responder under load
 *     initiation, mac2 zero             ------------------> no room for it
 *     opens the cookie                  <-- cookie reply -- cookie = MAC(secret, source), sealed
 *     next initiation, mac2 = MAC(cookie, message) -------> same source, same cookie: welcome
 *
 * The reply is sealed with the responder's public key and bound to the mac1 that it answers, so only who saw
 * our message can make or read one. It doesn't hasten the next initiation: that waits for its timer, else
 * cookie replies would be a way to make others send.
 *
 * A peer has one cookie although it may be reached by several paths at once. The responder judges each
 * path's copy by that path's source; when one of them matches, the handshake is done.
 *
 * Source: WireGuard whitepaper, sections 5.3, 5.4.4 and 5.4.7.
 */
import { equalSecret } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { Crypto, Random } from '../ports.js';
import {
  COOKIE_NONCE_BYTES,
  COOKIE_REPLY_AT,
  COOKIE_REPLY_BYTES,
  MAC_BYTES,
  MESSAGE,
} from './messages.js';

/** A responder's secret lives this long, as the whitepaper says: who listens gains nothing for longer. */
export const COOKIE_SECRET_MS = 120_000;
/** An initiator uses a cookie this long; then the secret behind it has surely changed. */
export const COOKIE_LIFETIME_MS = 120_000;

const SECRET_BYTES = 32;
/** Both handshake messages begin with type and sender index, and end with mac1 and mac2. */
const SENDER_AT = 4;

export type CookieFailure = 'cookie-reply-unexpected' | 'cookie-reply-forged';

/** Where mac2 lies in a message whose mac1 is at `mac1At`. */
function mac2After(mac1At: number): number {
  return mac1At + MAC_BYTES;
}

function mac2Of(crypto: Crypto, cookie: Uint8Array, message: Uint8Array, mac2At: number) {
  return crypto.blake2s(MAC_BYTES, message.subarray(0, mac2At), cookie);
}

/** The responder's half. `source` is where a message came from, as bytes: address and port. */
export class CookieIssuer {
  readonly #crypto: Crypto;
  readonly #random: Random;
  #secret: Uint8Array | undefined;
  #secretAt = Number.NEGATIVE_INFINITY;

  constructor(crypto: Crypto, random: Random) {
    this.#crypto = crypto;
    this.#random = random;
  }

  /** True when the message's mac2 was made with the cookie that `source` got. */
  isProven(message: Uint8Array, mac1At: number, source: Uint8Array, now: Instant): boolean {
    const secret = this.#currentSecret(now);
    if (secret === undefined) return false;
    const mac2At = mac2After(mac1At);
    const cookie = this.#crypto.blake2s(MAC_BYTES, source, secret);
    const expected = mac2Of(this.#crypto, cookie, message, mac2At);
    return equalSecret(expected, message.subarray(mac2At, mac2At + MAC_BYTES));
  }

  /** The cookie reply to a message of `source`, sealed with our `cookieKey`. */
  reply(
    cookieKey: Uint8Array,
    message: Uint8Array,
    mac1At: number,
    source: Uint8Array,
    now: Instant,
  ): Uint8Array {
    const secret = this.#currentSecret(now) ?? this.#renewSecret(now);
    const cookie = this.#crypto.blake2s(MAC_BYTES, source, secret);
    const nonce = this.#random.fill(new Uint8Array(COOKIE_NONCE_BYTES));
    const mac1 = message.subarray(mac1At, mac1At + MAC_BYTES);
    const reply = new Uint8Array(COOKIE_REPLY_BYTES);
    reply[0] = MESSAGE.cookieReply;
    reply.set(message.subarray(SENDER_AT, SENDER_AT + 4), COOKIE_REPLY_AT.receiver);
    reply.set(nonce, COOKIE_REPLY_AT.nonce);
    reply.set(this.#crypto.xSeal(cookieKey, nonce, mac1, cookie), COOKIE_REPLY_AT.cookie);
    return reply;
  }

  #currentSecret(now: Instant): Uint8Array | undefined {
    return now - this.#secretAt < COOKIE_SECRET_MS ? this.#secret : undefined;
  }

  #renewSecret(now: Instant): Uint8Array {
    this.#secret = this.#random.fill(new Uint8Array(SECRET_BYTES));
    this.#secretAt = now;
    return this.#secret;
  }
}

/** The initiator's half, one per peer. */
export class CookieHolder {
  readonly #crypto: Crypto;
  /** mac1 of the last message that went out and was not answered by a cookie yet. */
  #lastMac1: Uint8Array | undefined;
  #cookie: Uint8Array | undefined;
  #receivedAt = Number.NEGATIVE_INFINITY;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Finishes a message that is about to go out: mac2 from a fresh cookie, or zeros. */
  finish(message: Uint8Array, mac1At: number, now: Instant): void {
    const mac2At = mac2After(mac1At);
    this.#lastMac1 = message.slice(mac1At, mac2At);
    const cookie = now - this.#receivedAt < COOKIE_LIFETIME_MS ? this.#cookie : undefined;
    if (cookie === undefined) message.fill(0, mac2At, mac2At + MAC_BYTES);
    else message.set(mac2Of(this.#crypto, cookie, message, mac2At), mac2At);
  }

  /** Takes a cookie reply of COOKIE_REPLY_BYTES, sealed with the peer's `cookieKey`: one per message of ours. */
  accept(
    cookieKey: Uint8Array,
    reply: Uint8Array,
    now: Instant,
  ): DecodeFailure<CookieFailure> | undefined {
    const mac1 = this.#lastMac1;
    if (mac1 === undefined) return fail('cookie-reply-unexpected');
    const { nonce, cookie: cookieAt } = COOKIE_REPLY_AT;
    const cookie = this.#crypto.xOpen(
      cookieKey,
      reply.subarray(nonce, cookieAt),
      mac1,
      reply.subarray(cookieAt, COOKIE_REPLY_BYTES),
    );
    if (cookie === undefined) return fail('cookie-reply-forged');
    this.#lastMac1 = undefined;
    this.#cookie = cookie;
    this.#receivedAt = now;
    return undefined;
  }

  /** Forgets everything: cookies belong to an identity. */
  clear(): void {
    this.#lastMac1 = undefined;
    this.#cookie = undefined;
    this.#receivedAt = Number.NEGATIVE_INFINITY;
  }
}
