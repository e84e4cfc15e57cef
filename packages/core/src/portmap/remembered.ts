/** Mappings as the state file keeps them: of a client that made one, and back from text that anybody may have edited. */
import { encodeHex } from '../base/bytes.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { RememberedMapping } from './io.js';

/** What PCP and NAT-PMP have to know of a mapping to renew and delete it. */
export function gatewayMapping(
  protocol: 'pcp' | 'natpmp',
  place: {
    readonly gateway: IpAddress;
    readonly self: IpAddress;
    readonly internalPort: number;
  },
  external: Endpoint,
  nonce: Uint8Array | undefined,
): RememberedMapping {
  const { gateway, self, internalPort } = place;
  const mapping = { protocol, gateway, self, internalPort, external };
  return nonce === undefined ? mapping : { ...mapping, nonce: encodeHex(nonce) };
}
