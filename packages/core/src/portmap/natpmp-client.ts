/** NAT-PMP for the port mapper: the packets of natpmp.ts, the life of a mapping of gateway-client.ts. */
import { type DecodeFailure, isFailure } from '../base/failure.js';
import { endpointPort } from '../ip/address.js';
import type { Dialect, ServerAnswer, Ticket } from './dialect.js';
import { GatewayClient } from './gateway-client.js';
import type { MappingMethod, MethodOptions } from './method.js';
import {
  decodeNatPmpResponse,
  encodeExternalAddressRequest,
  encodeNatPmpMap,
  NatPmpResult,
  natPmpResultWords,
} from './natpmp.js';
import { isPcpVersionError } from './pcp.js';

/** Switched off by its owner, or not able: nothing that passes by itself soon. */
const refusalMs = 30 * 60_000;
/** No connection, no room: it may pass. */
const troubleMs = 60_000;

const TROUBLES: readonly number[] = [NatPmpResult.networkFailure, NatPmpResult.outOfResources];

const natPmpDialect: Dialect = {
  protocol: 'natpmp',
  epochRule: 'natpmp',
  probe: () => encodeExternalAddressRequest(),
  newTicket: (internalPort, externalPort) => ({
    internalPort,
    externalPort,
    externalAddress: undefined,
    nonce: undefined,
  }),
  rememberedTicket: ({ internalPort, external }) =>
    natPmpDialect.newTicket(internalPort, endpointPort(external)),
  keyOf: ({ internalPort }) => String(internalPort),
  request: (_self, { internalPort, externalPort }, lifetimeSeconds) =>
    encodeNatPmpMap({ internalPort, externalPort, lifetimeSeconds }),
  // RFC 6886 section 3.4: an external port would be a suggestion, so it is 0.
  deletion: (_self, { internalPort }: Ticket) =>
    encodeNatPmpMap({ internalPort, externalPort: 0, lifetimeSeconds: 0 }),
  decode,
};

function decode(bytes: Uint8Array): ServerAnswer | DecodeFailure {
  if (isPcpVersionError(bytes)) return useless('the router speaks PCP only');
  const response = decodeNatPmpResponse(bytes);
  if (isFailure(response)) return response;
  switch (response.type) {
    case 'external-address':
      return { type: 'presence', epochSeconds: response.epochSeconds, address: response.address };
    case 'map':
      return {
        ...response,
        type: 'mapping',
        ticket: String(response.internalPort),
        address: undefined,
      };
    case 'error': {
      const { opcode, result, internalPort } = response;
      return {
        type: 'error',
        of: opcode === 0 ? 'probe' : 'mapping',
        ticket: internalPort === undefined ? undefined : String(internalPort),
        words: natPmpResultWords(result),
        retryAfterMs: TROUBLES.includes(result) ? troubleMs : refusalMs,
      };
    }
  }
}

function useless(words: string): ServerAnswer {
  return { type: 'error', of: 'any', ticket: undefined, words, retryAfterMs: refusalMs };
}

export function natPmpClient(options: MethodOptions): MappingMethod {
  return new GatewayClient(natPmpDialect, options);
}
