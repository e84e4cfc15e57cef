/** Networks that the machine is directly connected to. Pure over the table that node:os gives. */
import type { NetworkInterfaceInfo } from 'node:os';
import { familyOf, parseAddress } from '@warren/core/ip/address';
import { isLinkLocal, isLoopback } from '@warren/core/ip/classes';
import { type Prefix, prefixOf } from '@warren/core/ip/prefix';
import { MESH_DEVICE } from './local-addresses.js';

/** A machine with hundreds of bridges has fewer than this that matter. */
const MAX_NETWORKS = 256;

/** Each once, sorted; without our tunnel, other meshes, loopback, link-local ones and networks of one address. */
export function ownNetworks(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  tunName: string,
): Prefix[] {
  const found = new Set<Prefix>();
  for (const [name, entries] of Object.entries(interfaces)) {
    if (name === tunName || MESH_DEVICE.test(name)) continue;
    for (const { address, cidr, internal } of entries ?? []) {
      const parsed = internal ? undefined : parseAddress(address.replace(/%.*$/, ''));
      const bits = Number(/\/(\d{1,3})$/.exec(cidr ?? '')?.[1] ?? Number.NaN);
      if (parsed === undefined || isLoopback(parsed) || isLinkLocal(parsed)) continue;
      if (bits >= 1 && bits < (familyOf(parsed) === 4 ? 32 : 128))
        found.add(prefixOf(parsed, bits));
    }
  }
  return [...found].sort().slice(0, MAX_NETWORKS);
}
