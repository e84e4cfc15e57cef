/**
 * A router's side of PCP (RFC 6887): ANNOUNCE and MAP, for IPv4 ports and for pinholes in an IPv6 firewall.
 * Integers are big-endian, addresses 16 bytes.
 *
 *     request   0:1 version 2; 1:1 opcode; 4:4 lifetime in s, 0: delete; 8:16 client address
 *     response  0:1 2; 1:1 opcode + 128; 3:1 result; 4:4 lifetime (of an error: how long it holds);
 *               8:4 epoch in s; 12:12 zero
 *     MAP       24:12 nonce; 36:1 protocol; 37:3 zero; 40:2 internal port; 42:2 external port; 44:16 address
 *     options   60: code 1, zero 1, length 2, data padded to four
 *
 * A mapping belongs to its nonce (§11.3.1, §15): without it nobody renews or deletes it. NAT-PMP's questions
 * (version 0) at the same port are not for us.
 */

import { equalBytes } from '@warren/core/base/bytes';
import { after, type Instant } from '@warren/core/base/instant';
import {
  addressBytes16,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import {
  freePort,
  type GrantedMapping,
  PORT_MIN,
  type PortMappings,
  type Transport,
} from '../../nat/port-mappings.js';
import { grantedSeconds } from './lifetime.js';
import { NO_ADDRESS, type Outside } from './outside.js';

const VERSION = 2;
const HEADER_BYTES = 24;
const MAP_BYTES = 60;
/** §7: longer ones are malformed, as are those that don't fill four. */
const REQUEST_BYTES_MAX = 1100;
const OPCODE = { announce: 0, map: 1 } as const;
const OPTION_PREFER_FAILURE = 2;
const OPTION_FILTER = 3;
/** From here on a server may overlook what it doesn't know. */
const OPTIONAL_FROM = 128;

export const PCP_RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorised: 2,
  malformedRequest: 3,
  unsupportedOpcode: 4,
  unsupportedOption: 5,
  malformedOption: 6,
  networkFailure: 7,
  noResources: 8,
  unsupportedProtocol: 9,
  cannotProvideExternal: 11,
  addressMismatch: 12,
} as const;

/** How long errors hold (§7.4 recommends half an hour for what lasts, half a minute for what passes). */
const LASTING_ERROR_SECONDS = 1800;
const PASSING_ERROR_SECONDS = 30;
const PASSING: readonly number[] = [PCP_RESULT.networkFailure, PCP_RESULT.noResources];

const TRANSPORTS: Readonly<Record<number, Transport>> = { 17: 'udp', 6: 'tcp' };

export interface PcpOptions {
  readonly mappings: PortMappings;
  readonly outside: Outside;
  readonly epochSeconds: (now: Instant) => number;
}

export class PcpServer {
  readonly #options: PcpOptions;

  constructor(options: PcpOptions) {
    this.#options = options;
  }

  /** The answer to a datagram; undefined: none. */
  answer(source: Endpoint, bytes: Uint8Array, now: Instant): Uint8Array | undefined {
    const [version = 0, opcode = 0] = bytes;
    if (bytes.length < 2 || opcode >= 128) return undefined;
    const refuse = (result: number): Uint8Array => this.#refuse(bytes, result, now);
    if (version !== VERSION) return refuse(PCP_RESULT.unsupportedVersion);
    const isWhole =
      bytes.length >= HEADER_BYTES && bytes.length <= REQUEST_BYTES_MAX && bytes.length % 4 === 0;
    if (!isWhole) return refuse(PCP_RESULT.malformedRequest);
    const claimed = bytes.subarray(8, 24);
    if (!equalBytes(claimed, addressBytes16(endpointAddress(source)))) {
      return refuse(PCP_RESULT.addressMismatch);
    }
    if (opcode === OPCODE.announce) return this.announcement(now);
    if (opcode !== OPCODE.map) return refuse(PCP_RESULT.unsupportedOpcode);
    if (bytes.length < MAP_BYTES) return refuse(PCP_RESULT.malformedRequest);
    const result = this.#map(endpointAddress(source), bytes, now);
    return typeof result === 'number' ? refuse(result) : result;
  }

  /** An answer to ANNOUNCE; also what a router that lost its state sends to everybody (§14.1.3). */
  announcement(now: Instant): Uint8Array {
    return this.#head(OPCODE.announce, PCP_RESULT.success, 0, HEADER_BYTES, now);
  }

  #map(client: IpAddress, bytes: Uint8Array, now: Instant): Uint8Array | number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const transport = TRANSPORTS[view.getUint8(36)];
    const internalPort = view.getUint16(40);
    const prefersFailure = preferFailureOf(bytes.subarray(MAP_BYTES));
    if (typeof prefersFailure === 'number') return prefersFailure;
    if (transport === undefined) return PCP_RESULT.unsupportedProtocol;
    const inner = endpoint(client, internalPort);
    const nonce = hex(bytes.subarray(24, 36));
    const lifetime = view.getUint32(4);
    const existing = this.#existing(transport, inner, now);
    if (existing?.nonce !== undefined && existing.nonce !== nonce) {
      return PCP_RESULT.notAuthorised;
    }
    if (lifetime === 0) {
      if (existing?.by === 'pcp') this.#options.mappings.revoke(existing);
      return this.#granted(bytes, view.getUint16(42), NO_ADDRESS, 0, now);
    }
    if (internalPort < PORT_MIN) return PCP_RESULT.notAuthorised;
    const wanted = existing?.externalPort ?? view.getUint16(42);
    const outside = this.#outside(client);
    if (outside === undefined) return PCP_RESULT.noResources;
    const externalPort = this.#port(transport, inner, wanted, now);
    if (externalPort === undefined) return PCP_RESULT.noResources;
    if (prefersFailure && wanted !== 0 && externalPort !== wanted) {
      return PCP_RESULT.cannotProvideExternal;
    }
    const seconds = grantedSeconds(lifetime);
    const mapping: GrantedMapping = {
      transport,
      externalPort,
      inner,
      expiresAt: after(now, seconds * 1000),
      by: 'pcp',
      nonce,
      description: `PCP MAP ${nonce}`,
    };
    if (!this.#options.mappings.grant(mapping, now)) return PCP_RESULT.noResources;
    return this.#granted(bytes, externalPort, outside, seconds, now);
  }

  #existing(transport: Transport, inner: Endpoint, now: Instant): GrantedMapping | undefined {
    const { mappings } = this.#options;
    return familyOf(endpointAddress(inner)) === 6
      ? mappings.pinhole(transport, inner, now)
      : mappings.of(transport, inner, now);
  }

  /** Where strangers send to: the router, or through a pinhole the client itself. */
  #outside(client: IpAddress): IpAddress | undefined {
    return familyOf(client) === 6 ? client : this.#options.outside();
  }

  #port(transport: Transport, inner: Endpoint, wanted: number, now: Instant): number | undefined {
    if (familyOf(endpointAddress(inner)) === 6) return endpointPort(inner);
    return freePort(this.#options.mappings, transport, inner, wanted, now);
  }

  /** Nonce, protocol and internal port as they were asked. */
  #granted(
    request: Uint8Array,
    externalPort: number,
    external: IpAddress,
    lifetime: number,
    now: Instant,
  ): Uint8Array {
    const reply = this.#head(OPCODE.map, PCP_RESULT.success, lifetime, MAP_BYTES, now);
    reply.set(request.subarray(24, 42), 24);
    new DataView(reply.buffer).setUint16(42, externalPort);
    reply.set(addressBytes16(external), 44);
    return reply;
  }

  /** A copy of the request with the response's header (§8.2). */
  #refuse(request: Uint8Array, result: number, now: Instant): Uint8Array {
    const isPassing = PASSING.includes(result);
    const lifetime = isPassing ? PASSING_ERROR_SECONDS : LASTING_ERROR_SECONDS;
    const opcode = request[1] ?? 0;
    const length = Math.max(HEADER_BYTES, 4 * Math.ceil(request.length / 4));
    const whole = Math.min(length, REQUEST_BYTES_MAX);
    const reply = this.#head(opcode, result, lifetime, whole, now);
    reply.set(request.subarray(HEADER_BYTES, whole), HEADER_BYTES);
    return reply;
  }

  #head(opcode: number, result: number, lifetime: number, length: number, now: Instant) {
    const reply = new Uint8Array(length);
    const view = new DataView(reply.buffer);
    view.setUint8(0, VERSION);
    view.setUint8(1, opcode + 128);
    view.setUint8(3, result);
    view.setUint32(4, lifetime);
    view.setUint32(8, this.#options.epochSeconds(now));
    return reply;
  }
}

/** Whether PREFER_FAILURE is among the options; a number: the error that they make. */
function preferFailureOf(options: Uint8Array): boolean | number {
  let prefersFailure = false;
  for (let at = 0; at < options.length; ) {
    const code = options[at] ?? 0;
    const length = ((options[at + 2] ?? 0) << 8) | (options[at + 3] ?? 0);
    if (at + 4 + length > options.length) return PCP_RESULT.malformedOption;
    if (code === OPTION_PREFER_FAILURE) {
      if (length !== 0) return PCP_RESULT.malformedOption;
      prefersFailure = true;
    } else if (code !== OPTION_FILTER && code < OPTIONAL_FROM) {
      return PCP_RESULT.unsupportedOption;
    }
    at += 4 + 4 * Math.ceil(length / 4);
  }
  return prefersFailure;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
