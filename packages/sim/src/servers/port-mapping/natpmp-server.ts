/**
 * A router's side of NAT-PMP (RFC 6886), as miniupnpd answers. Integers are big-endian.
 *
 *     request   0:1 version 0; 1:1 opcode 0 (address), 1 (UDP), 2 (TCP); 2:2 zero; 4:2 internal port;
 *               6:2 suggested external port; 8:4 lifetime in s, 0: delete
 *     response  0:1 0; 1:1 opcode + 128; 2:2 result; 4:4 epoch in s; then
 *               8:4 address, or 8:2 internal port; 10:2 external port; 12:4 lifetime
 *
 * Where the router has no public address the address request fails (result 3), but mappings are granted and
 * don't work: the worse of what was seen of miniupnpd 2.3.1, which also refuses them (result 3) at times.
 */
import { after, type Instant } from '@warren/core/base/instant';
import {
  addressBytes,
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
} from '@warren/core/ip/address';
import { freePort, PORT_MIN, type PortMappings, type Transport } from '../../nat/port-mappings.js';
import { grantedSeconds } from './lifetime.js';
import type { Outside } from './outside.js';

const RESULT = {
  ok: 0,
  unsupportedVersion: 1,
  notAuthorised: 2,
  networkFailure: 3,
  outOfResources: 4,
  unsupportedOpcode: 5,
} as const;

const TRANSPORTS: readonly (Transport | undefined)[] = [undefined, 'udp', 'tcp'];

export interface NatPmpOptions {
  readonly mappings: PortMappings;
  readonly outside: Outside;
  readonly epochSeconds: (now: Instant) => number;
}

export class NatPmpServer {
  readonly #options: NatPmpOptions;

  constructor(options: NatPmpOptions) {
    this.#options = options;
  }

  /** The answer to a datagram; undefined: none. */
  answer(source: Endpoint, bytes: Uint8Array, now: Instant): Uint8Array | undefined {
    const [version = 0, opcode = 0] = bytes;
    if (bytes.length < 2 || opcode >= 128) return undefined;
    if (version !== 0) return this.#head(opcode, RESULT.unsupportedVersion, 8, now);
    if (opcode === 0) return this.addressAnswer(now);
    const transport = TRANSPORTS[opcode];
    if (transport === undefined) return this.#head(opcode, RESULT.unsupportedOpcode, 8, now);
    if (bytes.length < 12) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const internalPort = view.getUint16(4);
    const lifetime = view.getUint32(8);
    const inner = endpoint(endpointAddress(source), internalPort);
    if (lifetime === 0) return this.#delete(opcode, transport, inner, now);
    return this.#map(opcode, transport, inner, view.getUint16(6), lifetime, now);
  }

  /** The answer about the address; also what is announced when it is another one. */
  addressAnswer(now: Instant): Uint8Array {
    const address = this.#options.outside();
    const result = address === undefined ? RESULT.networkFailure : RESULT.ok;
    const reply = this.#head(0, result, 12, now);
    if (address !== undefined) reply.set(addressBytes(address), 8);
    return reply;
  }

  #map(
    opcode: number,
    transport: Transport,
    inner: Endpoint,
    wanted: number,
    seconds: number,
    now: Instant,
  ): Uint8Array {
    const { mappings } = this.#options;
    const refuse = (result: number): Uint8Array => this.#mapped(opcode, result, inner, 0, 0, now);
    if (endpointPort(inner) < PORT_MIN) return refuse(RESULT.notAuthorised);
    // Who asks again keeps what he has (§3.3), whoever of the three protocols gave it.
    const suggested = mappings.of(transport, inner, now)?.externalPort ?? wanted;
    const externalPort = freePort(mappings, transport, inner, suggested, now);
    if (externalPort === undefined) return refuse(RESULT.outOfResources);
    const lifetime = grantedSeconds(seconds);
    const granted = mappings.grant(
      {
        transport,
        externalPort,
        inner,
        expiresAt: after(now, lifetime * 1000),
        by: 'natpmp',
        nonce: undefined,
        description: `NAT-PMP ${externalPort} ${transport}`,
      },
      now,
    );
    if (!granted) return refuse(RESULT.outOfResources);
    return this.#mapped(opcode, RESULT.ok, inner, externalPort, lifetime, now);
  }

  /** Internal port 0: all of this client. What other protocols made stays; that is no error (§3.4). */
  #delete(opcode: number, transport: Transport, inner: Endpoint, now: Instant): Uint8Array {
    const { mappings } = this.#options;
    for (const mapping of mappings.ownedBy(endpointAddress(inner), now)) {
      if (mapping.transport !== transport || mapping.by !== 'natpmp') continue;
      if (endpointPort(inner) === 0 || mapping.inner === inner) mappings.revoke(mapping);
    }
    return this.#mapped(opcode, RESULT.ok, inner, 0, 0, now);
  }

  #mapped(
    opcode: number,
    result: number,
    inner: Endpoint,
    externalPort: number,
    lifetime: number,
    now: Instant,
  ): Uint8Array {
    const reply = this.#head(opcode, result, 16, now);
    const view = new DataView(reply.buffer);
    view.setUint16(8, endpointPort(inner));
    view.setUint16(10, externalPort);
    view.setUint32(12, lifetime);
    return reply;
  }

  #head(opcode: number, result: number, length: number, now: Instant): Uint8Array {
    const reply = new Uint8Array(length);
    const view = new DataView(reply.buffer);
    view.setUint8(1, opcode + 128);
    view.setUint16(2, result);
    view.setUint32(4, this.#options.epochSeconds(now));
    return reply;
  }
}
