/**
 * Proofs of addresses that only the search for ports sees, such as ours behind a NAT64: its questions to STUN servers
 * ask for tokens too, where the server is a relay that gives them (netcheck/token-relay.ts).
 */
import { DecodeFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpoint, endpointAddress } from '../ip/address.js';
import { tokenRelayOf } from '../netcheck/token-relay.js';
import type { RelayMap } from '../netmap/types.js';
import { decodeBindingResponse, encodeTokenRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import type { OwnAddressProofs } from './own-address-proofs.js';

/** In a STUN header, behind type, length and cookie (RFC 8489 section 5). */
const transactionIdAt = 8;

/** The same question, and for a token with it, if the server gives any. */
export function askingForToken(
  relayMap: RelayMap | undefined,
  server: Endpoint,
  request: Uint8Array,
): Uint8Array {
  if (tokenRegionOf(relayMap, server) === undefined) return request;
  const id = request.subarray(transactionIdAt, transactionIdAt + TRANSACTION_ID_BYTES);
  return encodeTokenRequest(id);
}

/** An answer came to a socket of the search. A false one spoils our own proof, and nothing else. */
export function keepProof(
  own: OwnAddressProofs,
  relayMap: RelayMap | undefined,
  server: Endpoint,
  answer: Uint8Array,
  now: Instant,
): void {
  const regionId = tokenRegionOf(relayMap, server);
  const response = regionId === undefined ? undefined : decodeBindingResponse(answer);
  if (regionId === undefined || response === undefined || response instanceof DecodeFailure) return;
  const { mapped, addressToken } = response;
  if (addressToken !== undefined) own.add(endpointAddress(mapped), regionId, addressToken, now);
}

/** The region whose relay gives tokens at this endpoint of IPv4. */
function tokenRegionOf(relayMap: RelayMap | undefined, server: Endpoint): RegionId | undefined {
  for (const regionId of relayMap?.regions.keys() ?? []) {
    const { ipv4, stunPort } = tokenRelayOf(relayMap, regionId) ?? {};
    if (ipv4 === undefined || ipv4 === null || stunPort === undefined) continue;
    if (endpoint(ipv4, stunPort) === server) return regionId;
  }
  return undefined;
}
