/**
 * Who may ask this machine's resolver: the machine itself, and what lives behind it (containers, virtual
 * machines), which copy its resolv.conf. Not its neighbours in the network that leads to the internet, who would
 * learn the names of the mesh; peers don't get here at all, because the packet filter knows no such address.
 */
import type { networkInterfaces } from 'node:os';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import { prefixContains, prefixOf } from '@warren/core/ip/prefix';

/** Names of the interfaces that default routes go through, from `ip route show default`. */
export function defaultInterfaces(routes: string): ReadonlySet<string> {
  return new Set([...routes.matchAll(/\bdev (\S+)/g)].map(([, name]) => name ?? ''));
}

/** True for an address that may ask. */
export function mayAsk(
  text: string,
  interfaces: ReturnType<typeof networkInterfaces>,
  outside: ReadonlySet<string>,
): boolean {
  const address = parseAddress(text.split('%', 1)[0] ?? '');
  if (address === undefined) return false;
  for (const [name, entries] of Object.entries(interfaces)) {
    for (const entry of entries ?? []) {
      const own = parseAddress(entry.address);
      if (own === address) return true;
      if (!outside.has(name) && own !== undefined && isNear(own, address, entry.cidr)) return true;
    }
  }
  return false;
}

function isNear(own: IpAddress, address: IpAddress, cidr: string | null): boolean {
  const bits = Number(cidr?.split('/')[1]);
  return Number.isInteger(bits) && prefixContains(prefixOf(own, bits), address);
}
