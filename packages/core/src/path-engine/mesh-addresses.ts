/** The addresses inside the mesh: never those of a socket. */
import type { IpAddress } from '../ip/address.js';
import { prefixAddress } from '../ip/prefix.js';
import type { Netmap } from '../netmap/types.js';

/** Of all peers and of ourselves. */
export function meshAddresses({ self, peers }: Netmap): ReadonlySet<IpAddress> {
  const all = [self, ...peers.values()];
  return new Set(all.flatMap(({ addresses }) => addresses.map(prefixAddress)));
}
