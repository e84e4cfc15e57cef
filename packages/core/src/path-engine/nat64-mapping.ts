/**
 * Our IPv4 endpoint at the network's NAT64, as peers with IPv4 alone reach it: STUN servers are asked by their IPv4
 * addresses through the translator, from the socket that peers are met on. Asked anew with every report, which
 * keeps the mapping too.
 *
 * Source: RFC 6146; RFC 8489 for what is asked.
 */
import { encodeHex } from '../base/bytes.js';
import { DecodeFailure } from '../base/failure.js';
import { type Endpoint, endpointAddress, familyOf, type IpAddress } from '../ip/address.js';
import { nat64ServersMax, translated } from '../netcheck/nat64-probe.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse, encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

export class Nat64Mapping {
  readonly #random: Random;
  /** By transaction id: who was asked last. */
  readonly #inFlight = new Map<string, Endpoint>();
  #mapped: Endpoint | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Undefined: nobody has told it. */
  get mapped(): Endpoint | undefined {
    return this.#mapped;
  }

  forget(): void {
    this.#inFlight.clear();
    this.#mapped = undefined;
  }

  /** What to send to whom. */
  ask(
    prefix: IpAddress,
    servers: readonly Endpoint[],
  ): readonly { readonly remote: Endpoint; readonly bytes: Uint8Array }[] {
    this.#inFlight.clear();
    return servers.slice(0, nat64ServersMax).map((server) => {
      const transactionId = this.#random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      const remote = translated(prefix, server);
      this.#inFlight.set(encodeHex(transactionId), remote);
      return { remote, bytes: encodeBindingRequest(transactionId) };
    });
  }

  /** True when it answers a question of ours. */
  datagram(source: Endpoint, bytes: Uint8Array): boolean {
    if (this.#inFlight.size === 0) return false;
    const response = decodeBindingResponse(bytes);
    if (response instanceof DecodeFailure) return false;
    const key = encodeHex(response.transactionId);
    if (this.#inFlight.get(key) !== source) return false;
    this.#inFlight.delete(key);
    // A server that shows IPv6 was reached by IPv6: nobody translated.
    if (familyOf(endpointAddress(response.mapped)) === 4) this.#mapped = response.mapped;
    return true;
  }
}
