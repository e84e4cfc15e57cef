/**
 * Which of the machine's addresses may become endpoints: up, not loopback, not our own tunnel, not a
 * container bridge's link-local. Pure over the table that node:os gives.
 */
import type { NetworkInterfaceInfo } from 'node:os';
import { familyOf, type IpAddress, parseAddress } from '@warren/core/ip/address';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isOverlay,
  isUnspecified,
} from '@warren/core/ip/classes';

/** Devices of other meshes on this machine, whose addresses lead into a tunnel. */
export const MESH_DEVICE = /^(warren|tailscale)\d*$/;

/** Endpoints that a node advertises from its interfaces; machines with hundreds of bridges exist. */
const MAX_LOCAL_ADDRESSES = 32;

/** Usable addresses, IPv4 first, in a stable order. */
export function usableAddresses(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  tunName: string,
): IpAddress[] {
  const found = new Set<IpAddress>();
  for (const [name, entries] of Object.entries(interfaces)) {
    if (name === tunName) continue;
    for (const entry of entries ?? []) {
      const address = entry.internal ? undefined : parseAddress(entry.address);
      if (address !== undefined && isUsable(address, name)) found.add(address);
    }
  }
  return [...found].sort(byFamilyThenText).slice(0, MAX_LOCAL_ADDRESSES);
}

function isUsable(address: IpAddress, name: string): boolean {
  const refused = [isLoopback, isLinkLocal, isMulticast, isUnspecified];
  if (refused.some((test) => test(address))) return false;
  // Carriers give their customers addresses of the range that meshes took; IPv6 has a range that is nobody else's.
  return !isOverlay(address) || (familyOf(address) === 4 && !MESH_DEVICE.test(name));
}

function byFamilyThenText(a: IpAddress, b: IpAddress): number {
  const families = Number(a.includes(':')) - Number(b.includes(':'));
  return families !== 0 ? families : a < b ? -1 : 1;
}
