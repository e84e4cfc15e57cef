/**
 * Is IPv4 reached over IPv6, through a translator of the network (NAT64, RFC 6146)? Asks STUN servers by their IPv4
 * addresses inside a prefix: an answer that shows an IPv4 endpoint of ours came through one.
 *
 *     idle --IPv4 answers nobody, IPv6 is there--> opening --open--> asking --answer--> known
 *                                                                    asking --3 s--> idle, the prefix unknown
 *
 * Prefixes: the well-known one (RFC 6052) and the one that the name servers of the network tell (RFC 7050: the
 * addresses of a name that has IPv4 alone).
 */
import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant } from '../base/instant.js';
import {
  addressBytes,
  addressFromBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '../ip/address.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse, encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

/** Has IPv4 addresses alone (RFC 7050): 192.0.0.170 and 192.0.0.171. */
export const ipv4OnlyName = 'ipv4only.arpa';
const ipv4OnlyAddresses = ['192.0.0.170', '192.0.0.171'];
const wellKnownPrefix = '64:ff9b::' as IpAddress;
/** The first answer will do; a second server is asked should the first be away. */
export const nat64ServersMax = 2;
const tries = 3;
const tryEveryMs = 300;
const waitMs = 3000;
/** Between two looks: somebody may have switched IPv6 on. */
export const nat64PauseMs = 5 * 60_000;

export type Nat64Output =
  | { readonly type: 'open-socket' }
  | { readonly type: 'close-socket' }
  | { readonly type: 'send'; readonly remote: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'resolve'; readonly host: string };

export class Nat64Probe {
  readonly #random: Random;
  readonly #counters: Counters;
  readonly #outputs: Nat64Output[] = [];
  #servers: readonly Endpoint[] = [];
  readonly #prefixes = new Set<IpAddress>([wellKnownPrefix]);
  /** By transaction id: who was asked, by which prefix; at most tries x servers x prefixes. */
  readonly #inFlight = new Map<string, { prefix: IpAddress; remote: Endpoint }>();
  #state: 'idle' | 'opening' | 'asking' = 'idle';
  #startedAt: Instant | undefined;
  #tried = 0;
  #prefix: IpAddress | undefined;

  constructor({ random, counters }: { readonly random: Random; readonly counters: Counters }) {
    this.#random = random;
    this.#counters = counters;
  }

  /** The /96 through which IPv4 is reached; undefined: not known to be. */
  get prefix(): IpAddress | undefined {
    return this.#prefix;
  }

  get isBusy(): boolean {
    return this.#state !== 'idle';
  }

  /** Nobody answers over IPv4; `servers` are STUN servers by their IPv4 addresses. */
  look(servers: readonly Endpoint[], now: Instant): void {
    if (this.isBusy || servers.length === 0) return;
    const isEarly = this.#startedAt !== undefined && now < after(this.#startedAt, nat64PauseMs);
    if (isEarly) return;
    this.#servers = servers.slice(0, nat64ServersMax);
    this.#state = 'opening';
    this.#startedAt = now;
    this.#tried = 0;
    this.#outputs.push({ type: 'open-socket' }, { type: 'resolve', host: ipv4OnlyName });
  }

  /** Another network, or IPv4 is there after all. */
  forget(): void {
    this.#prefix = undefined;
    this.#startedAt = undefined;
    this.#prefixes.clear();
    this.#prefixes.add(wellKnownPrefix);
    this.#end();
  }

  opened(now: Instant): void {
    if (this.#state !== 'opening') return;
    this.#state = 'asking';
    this.run(now);
  }

  failed(): void {
    if (this.isBusy) this.#end();
  }

  /** Addresses of {@link ipv4OnlyName}: IPv6 ones were made up by the network's translator. */
  resolved(addresses: readonly IpAddress[]): void {
    for (const address of addresses) {
      const prefix = prefixIn(address);
      if (prefix !== undefined && this.#prefixes.size < 2) this.#prefixes.add(prefix);
    }
  }

  datagram(source: Endpoint, bytes: Uint8Array): void {
    const response = decodeBindingResponse(bytes);
    if (response instanceof DecodeFailure) {
      this.#counters.add(`nat64-${response.reason}`);
      return;
    }
    const key = encodeHex(response.transactionId);
    const asked = this.#inFlight.get(key);
    if (asked?.remote !== source) {
      this.#counters.add('nat64-unknown-transaction');
      return;
    }
    this.#inFlight.delete(key);
    // A server that shows IPv6 was reached by IPv6: nobody translated.
    if (familyOf(endpointAddress(response.mapped)) !== 4) return;
    this.#prefix = asked.prefix;
    this.#end();
  }

  run(now: Instant): void {
    const startedAt = this.#startedAt;
    if (startedAt === undefined || !this.isBusy) return;
    if (now >= after(startedAt, waitMs)) {
      this.#prefix = undefined;
      this.#end();
      return;
    }
    if (this.#state !== 'asking') return;
    while (this.#tried < tries && now >= after(startedAt, this.#tried * tryEveryMs)) {
      this.#tried++;
      for (const prefix of this.#prefixes) this.#ask(prefix);
    }
  }

  poll(): Nat64Output | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    const startedAt = this.#startedAt;
    if (startedAt === undefined || !this.isBusy) return undefined;
    const asksMore = this.#state === 'asking' && this.#tried < tries;
    return after(startedAt, asksMore ? this.#tried * tryEveryMs : waitMs);
  }

  #ask(prefix: IpAddress): void {
    for (const server of this.#servers) {
      const transactionId = this.#random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      const remote = translated(prefix, server);
      this.#inFlight.set(encodeHex(transactionId), { prefix, remote });
      this.#outputs.push({ type: 'send', remote, bytes: encodeBindingRequest(transactionId) });
    }
  }

  #end(): void {
    this.#inFlight.clear();
    if (this.isBusy) this.#outputs.push({ type: 'close-socket' });
    this.#state = 'idle';
  }
}

/** An IPv4 endpoint inside a /96 (RFC 6052 section 2.2). */
export function translated(prefix: IpAddress, server: Endpoint): Endpoint {
  const bytes = Uint8Array.from(addressBytes(prefix));
  bytes.set(addressBytes(endpointAddress(server)), 12);
  return endpoint(addressFromBytes(bytes), endpointPort(server));
}

/** The IPv4 endpoint that an endpoint inside the prefix stands for; anything else stays as it is. */
export function untranslated(prefix: IpAddress, remote: Endpoint): Endpoint {
  const address = endpointAddress(remote);
  if (familyOf(address) !== 6) return remote;
  const bytes = addressBytes(address);
  const port = endpointPort(remote);
  const ipv4 = endpoint(addressFromBytes(bytes.subarray(12)), port);
  return translated(prefix, ipv4) === remote ? ipv4 : remote;
}

/** The /96 of an address that has one of the well-known IPv4 addresses at its end. */
function prefixIn(address: IpAddress): IpAddress | undefined {
  if (familyOf(address) !== 6) return undefined;
  const bytes = Uint8Array.from(addressBytes(address));
  if (!ipv4OnlyAddresses.includes(addressFromBytes(bytes.slice(12)))) return undefined;
  bytes.fill(0, 12);
  return addressFromBytes(bytes);
}
