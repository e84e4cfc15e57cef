/**
 * Which of the machine's addresses may become endpoints: up, not loopback, not our own tunnel, not a
 * container bridge's link-local. Pure over the table that node:os gives.
 */
import type { NetworkInterfaceInfo } from 'node:os';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isOverlay,
  isUnspecified,
} from '@warren/core/ip/classes';

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
      if (address !== undefined && isUsable(address)) found.add(address);
    }
  }
  return [...found].sort(byFamilyThenText).slice(0, MAX_LOCAL_ADDRESSES);
}

function isUsable(address: IpAddress): boolean {
  const refused = [isLoopback, isLinkLocal, isMulticast, isUnspecified, isOverlay];
  return !refused.some((test) => test(address));
}

function byFamilyThenText(a: IpAddress, b: IpAddress): number {
  const families = Number(a.includes(':')) - Number(b.includes(':'));
  return families !== 0 ? families : a < b ? -1 : 1;
}
