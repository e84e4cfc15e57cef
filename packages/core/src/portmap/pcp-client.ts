/**
 * PCP for the port mapper: the packets of pcp.ts, the life of a mapping of gateway-client.ts.
 *
 * A mapping has one random nonce, which the server wants to see again in renewals and in the deletion (RFC 6887
 * sections 11.2 and 15), so it is remembered; its answers must repeat it. PREFER_FAILURE is never asked for: any
 * external port will do. Over IPv6 the same requests open a pinhole, whose external address is our own.
 */
import { decodeHex, encodeHex } from '../base/bytes.js';
import { type DecodeFailure, fail, isFailure } from '../base/failure.js';
import { endpointAddress, endpointPort } from '../ip/address.js';
import type { Random } from '../ports.js';
import type { Dialect, ServerAnswer, Ticket } from './dialect.js';
import { GatewayClient } from './gateway-client.js';
import type { MappingMethod, MethodOptions } from './method.js';
import { isNatPmpVersionError } from './natpmp.js';
import {
  decodePcpResponse,
  encodeAnnounce,
  encodePcpMap,
  PCP_NONCE_BYTES,
  type PcpResponseHeader,
  PcpResult,
  pcpResultWords,
} from './pcp.js';

/** Errors hold as long as the server says, within these bounds: 0 would be a loop, a year a mistake. */
const errorMinMs = 30_000;
const errorMaxMs = 4 * 3_600_000;
/** The server can't read us, whatever it says of the lifetime. */
const uselessMs = 30 * 60_000;

function keyOf(nonce: string, internalPort: number): string {
  return `${nonce}:${internalPort}`;
}

class PcpDialect implements Dialect {
  readonly protocol = 'pcp';
  readonly epochRule = 'pcp';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  readonly probe = encodeAnnounce;

  newTicket(internalPort: number, externalPort: number): Ticket {
    const nonce = this.#random.fill(new Uint8Array(PCP_NONCE_BYTES));
    return { internalPort, externalPort, externalAddress: undefined, nonce };
  }

  rememberedTicket(mapping: Parameters<Dialect['rememberedTicket']>[0]): Ticket | undefined {
    const nonce = decodeHex(mapping.nonce ?? '');
    if (nonce?.length !== PCP_NONCE_BYTES) return undefined;
    return {
      internalPort: mapping.internalPort,
      externalPort: endpointPort(mapping.external),
      externalAddress: endpointAddress(mapping.external),
      nonce,
    };
  }

  keyOf({ nonce = new Uint8Array(0), internalPort }: Ticket): string {
    return keyOf(encodeHex(nonce), internalPort);
  }

  request(...[self, ticket, lifetimeSeconds]: Parameters<Dialect['request']>): Uint8Array {
    const { nonce = new Uint8Array(PCP_NONCE_BYTES), ...rest } = ticket;
    return encodePcpMap({ ...rest, self, nonce, lifetimeSeconds });
  }

  deletion(...[self, ticket]: Parameters<Dialect['deletion']>): Uint8Array {
    return this.request(self, ticket, 0);
  }

  readonly decode = decode;
}

function decode(bytes: Uint8Array): ServerAnswer | DecodeFailure {
  if (isNatPmpVersionError(bytes)) {
    const words = 'the router speaks NAT-PMP only';
    return { type: 'error', of: 'any', ticket: undefined, words, retryAfterMs: uselessMs };
  }
  const response = decodePcpResponse(bytes);
  if (isFailure(response)) return response;
  const { epochSeconds, lifetimeSeconds, result } = response;
  if (response.type === 'map' && !response.isUdp) return fail('pcp-protocol');
  const ticket = response.type === 'map' ? keyOf(response.nonce, response.internalPort) : undefined;
  if (result !== PcpResult.success) return refusal(response, ticket);
  switch (response.type) {
    case 'announce':
      return { type: 'presence', epochSeconds };
    case 'map':
      return {
        type: 'mapping',
        ticket: ticket ?? '',
        epochSeconds,
        externalPort: response.externalPort,
        address: response.externalAddress,
        lifetimeSeconds,
      };
    case 'error':
      return fail('pcp-opcode'); // its result is never 0
  }
}

function refusal(
  response: { readonly type: 'announce' | 'map' | 'error' } & PcpResponseHeader,
  ticket: string | undefined,
): ServerAnswer {
  const { result, lifetimeSeconds } = response;
  // A server of MAP alone is a server.
  if (response.type === 'announce' && result === PcpResult.unsupportedOpcode) {
    return { type: 'presence', epochSeconds: response.epochSeconds };
  }
  return {
    type: 'error',
    of: response.type === 'announce' ? 'probe' : 'mapping',
    ticket,
    words: pcpResultWords(result),
    retryAfterMs: Math.min(Math.max(lifetimeSeconds * 1000, errorMinMs), errorMaxMs),
  };
}

export function pcpClient(options: MethodOptions): MappingMethod {
  return new GatewayClient(new PcpDialect(options.random), options);
}
