/**
 * Proof that somebody receives what is sent to an address: a token that the STUN server of a relay gives to whoever
 * asks from there, and that the relay itself recognizes later. Nothing is kept for it but one secret.
 *
 *     token = u32 seconds of the issuer's clock, the first 12 bytes of BLAKE2s-128(secret, "warren address token" |
 *             the same 4 bytes | 16 bytes of address, IPv4 as ::ffff:a.b.c.d)
 *
 * It is bound to the address, not to the port: what is to be sent there goes to many ports. It says nothing about who
 * asked: everybody behind one address gets tokens for it. The secret lives as long as the process, so that a restart
 * ends all tokens, and a relay recognizes only its own.
 *
 * Warren's own extension.
 */
import { equalSecret, viewOf } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import { encodeUtf8 } from '../base/text.js';
import { addressBytes16, type IpAddress } from '../ip/address.js';
import type { Crypto, Random } from '../ports.js';

export const ADDRESS_TOKEN_BYTES = 16;
/** From a node's question to its peer's: both take seconds, and a retry may use the same token. */
export const addressTokenValidMs = 600_000;

const SECRET_BYTES = 32;
const TIME_BYTES = 4;
/** BLAKE2s gives no 12 bytes; what is cut off nobody learns. */
const HASH_BYTES = 16;
const MAC_BYTES = ADDRESS_TOKEN_BYTES - TIME_BYTES;
const CONTEXT = encodeUtf8('warren address token');

export class AddressTokens {
  readonly #crypto: Crypto;
  readonly #secret: Uint8Array;

  constructor(crypto: Crypto, random: Random) {
    this.#crypto = crypto;
    this.#secret = random.fill(new Uint8Array(SECRET_BYTES));
  }

  /** A token of {@link ADDRESS_TOKEN_BYTES}; `now` is of the same clock in all calls. */
  issue(address: IpAddress, now: Instant): Uint8Array {
    return this.#tokenOf(secondsOf(now), address);
  }

  /** True when {@link issue} gave this token for this address within {@link addressTokenValidMs}. */
  confirms(address: IpAddress, token: Uint8Array, now: Instant): boolean {
    if (token.length !== ADDRESS_TOKEN_BYTES) return false;
    const issuedAt = viewOf(token).getUint32(0);
    if (!equalSecret(this.#tokenOf(issuedAt, address), token)) return false;
    const ageSeconds = secondsOf(now) - issuedAt;
    return ageSeconds >= 0 && ageSeconds * 1000 <= addressTokenValidMs;
  }

  #tokenOf(seconds: number, address: IpAddress): Uint8Array {
    const input = new Uint8Array(CONTEXT.length + TIME_BYTES + 16);
    input.set(CONTEXT);
    viewOf(input).setUint32(CONTEXT.length, seconds);
    input.set(addressBytes16(address), CONTEXT.length + TIME_BYTES);
    const token = new Uint8Array(ADDRESS_TOKEN_BYTES);
    viewOf(token).setUint32(0, seconds);
    const mac = this.#crypto.blake2s(HASH_BYTES, input, this.#secret);
    token.set(mac.subarray(0, MAC_BYTES), TIME_BYTES);
    return token;
  }
}

function secondsOf(now: Instant): number {
  return Math.floor(now / 1000) % 2 ** 32;
}
