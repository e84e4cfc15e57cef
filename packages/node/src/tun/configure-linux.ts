/**
 * Addresses, MTU and routes of the TUN device, by iproute2 in one batch: either all of it is applied or
 * the error says which line failed.
 */
import { SERVICE_ADDRESSES } from '@warren/core/dns/upstream';
import { familyOf, type IpFamily } from '@warren/core/ip/address';
import { type Prefix, prefixAddress } from '@warren/core/ip/prefix';
import { NodeError } from '../errors.js';
import { OVERLAY_ROUTES, runIp } from './iproute.js';

/**
 * Where the node's resolver answers (docs/adr/0007). Nothing leaves under these addresses: programs that don't choose
 * one get the machine's own, since ours are of host scope (IPv4) and deprecated from the start (IPv6).
 */
const SERVICE_LINES = {
  4: (name: string) => `addr add ${SERVICE_ADDRESSES[0]}/32 dev ${name} scope host`,
  6: (name: string) => `addr add ${SERVICE_ADDRESSES[1]}/128 dev ${name} nodad preferred_lft 0`,
} as const;

/** What could be done. */
export interface TunConfigured {
  /** Why the tunnel has no IPv6 although it has an address for it; undefined: it has. */
  readonly withoutIpv6: string | undefined;
}

/**
 * Brings the device up with exactly `addresses`. Safe to repeat when they change. Routes are added, never
 * replaced: an overlay range that leads into another interface stays there, and the error says so. `isShared`: the
 * machine's own network uses the IPv4 range, so it gets no route as a whole (overlay-policy.ts).
 */
export async function configureTun(
  name: string,
  addresses: readonly Prefix[],
  mtuBytes: number,
  isShared = false,
): Promise<TunConfigured> {
  const before = [`addr flush dev ${name}`, `link set dev ${name} mtu ${mtuBytes} up`];
  const v4 = linesFor(name, addresses, 4, !isShared);
  const v6 = linesFor(name, addresses, 6, true);
  await forgetRoutes(name);
  try {
    await runIp(['-batch', '-'], [...before, ...v4, ...v6]);
    return { withoutIpv6: undefined };
  } catch (error) {
    // A kernel without IPv6 refuses those lines; IPv4 alone is a working mesh.
    if (v6.length === 0 || v4.length === 0 || !(error instanceof NodeError)) throw error;
    await forgetRoutes(name);
    await runIp(['-batch', '-'], [...before, ...v4]);
    return { withoutIpv6: error.message };
  }
}

/** The device with these addresses, or down when there are none. */
export async function applyTun(
  name: string,
  addresses: readonly Prefix[],
  mtuBytes: number,
  isShared = false,
): Promise<TunConfigured> {
  if (addresses.length > 0) return configureTun(name, addresses, mtuBytes, isShared);
  await deconfigureTun(name);
  return { withoutIpv6: undefined };
}

/** Takes the addresses away and the device down, and with it its routes; the descriptor stays open. */
async function deconfigureTun(name: string): Promise<void> {
  await runIp(['-batch', '-'], [`addr flush dev ${name}`, `link set dev ${name} down`]);
}

function linesFor(
  name: string,
  addresses: readonly Prefix[],
  family: IpFamily,
  hasRange: boolean,
): string[] {
  const own = addresses.filter((address) => familyOf(prefixAddress(address)) === family);
  if (own.length === 0) return [];
  return [
    ...own.map((address) => `addr add ${address} dev ${name}`),
    SERVICE_LINES[family](name),
    ...(hasRange ? [`route add ${OVERLAY_ROUTES[family]} dev ${name}`] : []),
  ];
}

/** Our own routes of an earlier time, which `route add` would trip over; mostly there are none. */
async function forgetRoutes(name: string): Promise<void> {
  const lines = Object.values(OVERLAY_ROUTES).map((route) => `route del ${route} dev ${name}`);
  await runIp(['-force', '-batch', '-'], lines).catch((error: unknown) => {
    if (error instanceof NodeError && error.code === 'IPROUTE_MISSING') throw error;
  });
}
