/**
 * What a handshake message must show before we compute for it.
 *
 *     mac1 wrong ------------------------------------> refused
 *     calm ------------------------------------------> welcome
 *     under load:
 *       over a relay ---- the sender's share left? --> welcome, else refused
 *       over UDP -------- mac2 proves the source? ---- no: a cookie reply goes back
 *                            yes: the source's share left? --> welcome, else refused
 *
 * **Relays.** Nobody is asked for a cookie over a relay. A cookie proves that the sender gets what is sent to
 * its address; a relay has made its client prove the node key that it passes on as the sender, which is
 * more, and answers reach that key by construction. So the sender's key stands in for the address: strangers
 * are refused before any computation (by the device), and a known key has the share of one source. A relay
 * that lies about senders can spend the shares of our peers, which it could cut off anyway.
 *
 * **Responses** are asked for no cookie either: a response that finds its initiation carries a random index
 * that we sent to that peer's address, which is the same proof. They have a share while we are under load.
 *
 * Source: WireGuard whitepaper, section 5.3.
 */
import { encodeHex } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import {
  addressBytes,
  type Endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
} from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { CookieIssuer } from './cookies.js';
import { HandshakeLoad } from './handshake-load.js';
import { INITIATION_AT } from './messages.js';
import { hasMac1, type Identity } from './noise.js';
import { SourceLimiter } from './source-limiter.js';

/**
 * Cookie replies a second, some 50 µs each. A flood that gets fewer answers than it has messages costs honest
 * initiators a try, so the bound is generous.
 */
export const COOKIE_REPLIES_PER_SECOND = 2_000;

/** IPv6 sources share by network: a customer has a whole /64, and every address in it. */
const IPV6_NETWORK_BYTES = 8;

/** Where a handshake message came from: an address of the internet, or the key that a relay vouches for. */
export type HandshakeOrigin =
  | { readonly kind: 'direct'; readonly remote: Endpoint }
  | { readonly kind: 'relay'; readonly sender: NodeKey };

/** Send `cookieReply` back where the message came from, and forget the message. */
export interface CookieDemand {
  readonly cookieReply: Uint8Array;
}

export type GateFailure =
  | 'initiation-bad-mac1'
  | 'initiation-source-flood'
  | 'response-source-flood'
  | 'cookie-reply-flood';

/** The address part, by which shares are counted. */
function sourceNetwork(remote: Endpoint): string {
  const address = endpointAddress(remote);
  if (familyOf(address) === 4) return address;
  return encodeHex(addressBytes(address).subarray(0, IPV6_NETWORK_BYTES));
}

/** Address and port as bytes, to which cookies are bound. */
function sourceBytes(remote: Endpoint): Uint8Array {
  const address = addressBytes(endpointAddress(remote));
  const port = endpointPort(remote);
  const bytes = new Uint8Array(address.length + 2);
  bytes.set(address);
  bytes[address.length] = port >> 8;
  bytes[address.length + 1] = port;
  return bytes;
}

export class HandshakeGate {
  readonly #crypto: Crypto;
  readonly #issuer: CookieIssuer;
  readonly #load = new HandshakeLoad();
  readonly #shares = new SourceLimiter();
  readonly #replies = new TokenBucket(COOKIE_REPLIES_PER_SECOND, COOKIE_REPLIES_PER_SECOND);

  constructor(crypto: Crypto, random: Random) {
    this.#crypto = crypto;
    this.#issuer = new CookieIssuer(crypto, random);
  }

  isLoaded(now: Instant): boolean {
    return this.#load.isLoaded(now);
  }

  /** Undefined: the initiation is welcome. */
  admitInitiation(
    identity: Identity,
    message: Uint8Array,
    origin: HandshakeOrigin,
    now: Instant,
  ): CookieDemand | DecodeFailure<GateFailure> | undefined {
    if (!hasMac1(this.#crypto, identity, message, INITIATION_AT.mac1)) {
      return fail('initiation-bad-mac1');
    }
    if (!this.#load.note(now)) return undefined;
    if (origin.kind === 'direct') {
      const source = sourceBytes(origin.remote);
      if (!this.#issuer.isProven(message, INITIATION_AT.mac1, source, now)) {
        return this.#demandCookie(identity, message, source, now);
      }
    }
    return this.#hasShare(origin, now) ? undefined : fail('initiation-source-flood');
  }

  /** Undefined: the response, whose index is that of an open initiation, is welcome. */
  admitResponse(
    origin: HandshakeOrigin,
    now: Instant,
  ): DecodeFailure<'response-source-flood'> | undefined {
    if (!this.#load.isLoaded(now) || this.#hasShare(origin, now)) return undefined;
    return fail('response-source-flood');
  }

  #demandCookie(
    { cookieKey }: Identity,
    message: Uint8Array,
    source: Uint8Array,
    now: Instant,
  ): CookieDemand | DecodeFailure<'cookie-reply-flood'> {
    if (!this.#replies.take(now)) return fail('cookie-reply-flood');
    return {
      cookieReply: this.#issuer.reply(cookieKey, message, INITIATION_AT.mac1, source, now),
    };
  }

  #hasShare(origin: HandshakeOrigin, now: Instant): boolean {
    const source = origin.kind === 'direct' ? sourceNetwork(origin.remote) : origin.sender;
    return this.#shares.allow(source, now);
  }
}
