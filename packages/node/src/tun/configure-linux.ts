/**
 * Addresses, MTU and routes of the TUN device, by iproute2 in one batch: either all of it is applied or
 * the error says which line failed.
 */
import { type ExecFileException, execFile } from 'node:child_process';
import { familyOf, type IpFamily } from '@warren/core/ip/address';
import { type Prefix, prefixAddress } from '@warren/core/ip/prefix';
import { NodeError } from '../errors.js';

/** The overlay's ranges, routed into the device. */
const OVERLAY_ROUTES = { 4: '100.64.0.0/10', 6: 'fd7a:115c:a1e0::/48' } as const;
/** A batch of a dozen lines takes milliseconds; a hanging `ip` must not hang the daemon. */
const IP_TIMEOUT_MS = 10_000;

/**
 * The largest packet inside the tunnel. 1,280 is IPv6's minimum and fits, with WireGuard's 60 or 80
 * bytes, through every path that carries 1,360.
 */
export const TUN_MTU_BYTES = 1280;

/** What could be done. */
export interface TunConfigured {
  /** Why the tunnel has no IPv6 although it has an address for it; undefined: it has. */
  readonly withoutIpv6: string | undefined;
}

/**
 * Brings the device up with exactly `addresses`. Safe to repeat when they change. Routes are added, never
 * replaced: an overlay range that leads into another interface stays there, and the error says so.
 */
export async function configureTun(
  name: string,
  addresses: readonly Prefix[],
): Promise<TunConfigured> {
  const before = [`addr flush dev ${name}`, `link set dev ${name} mtu ${TUN_MTU_BYTES} up`];
  const v4 = linesFor(name, addresses, 4);
  const v6 = linesFor(name, addresses, 6);
  await forgetRoutes(name);
  try {
    await ip(['-batch', '-'], [...before, ...v4, ...v6]);
    return { withoutIpv6: undefined };
  } catch (error) {
    // A kernel without IPv6 refuses those lines; IPv4 alone is a working mesh.
    if (v6.length === 0 || v4.length === 0 || !(error instanceof NodeError)) throw error;
    await forgetRoutes(name);
    await ip(['-batch', '-'], [...before, ...v4]);
    return { withoutIpv6: error.message };
  }
}

/** The device with these addresses, or down when there are none. */
export async function applyTun(name: string, addresses: readonly Prefix[]): Promise<TunConfigured> {
  if (addresses.length > 0) return configureTun(name, addresses);
  await deconfigureTun(name);
  return { withoutIpv6: undefined };
}

/** Takes the addresses away and the device down, and with it its routes; the descriptor stays open. */
async function deconfigureTun(name: string): Promise<void> {
  await ip(['-batch', '-'], [`addr flush dev ${name}`, `link set dev ${name} down`]);
}

function linesFor(name: string, addresses: readonly Prefix[], family: IpFamily): string[] {
  const own = addresses.filter((address) => familyOf(prefixAddress(address)) === family);
  if (own.length === 0) return [];
  return [
    ...own.map((address) => `addr add ${address} dev ${name}`),
    `route add ${OVERLAY_ROUTES[family]} dev ${name}`,
  ];
}

/** Our own routes of an earlier time, which `route add` would trip over; mostly there are none. */
async function forgetRoutes(name: string): Promise<void> {
  const lines = Object.values(OVERLAY_ROUTES).map((route) => `route del ${route} dev ${name}`);
  await ip(['-force', '-batch', '-'], lines).catch((error: unknown) => {
    if (error instanceof NodeError && error.code === 'IPROUTE_MISSING') throw error;
  });
}

function ip(argv: readonly string[], lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', argv, { timeout: IP_TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(ipError(error, stderr));
    });
    child.stdin?.on('error', () => {
      // The exit code tells the story; a closed pipe is only its shadow.
    });
    child.stdin?.end(`${lines.join('\n')}\n`);
  });
}

function ipError(error: ExecFileException, stderr: string): NodeError {
  if (error.code === 'ENOENT') {
    return new NodeError(
      'IPROUTE_MISSING',
      'the `ip` command, which configures the network device, is not installed',
      'install the package iproute2',
      { cause: error },
    );
  }
  if (stderr.includes('File exists')) {
    return new NodeError(
      'TUN_CONFIGURE',
      `${OVERLAY_ROUTES[4]} or ${OVERLAY_ROUTES[6]} leads into another network device already`,
      'see `ip route` and `ip -6 route`: two VPNs with these addresses do not fit on one machine',
      { cause: error },
    );
  }
  return new NodeError(
    'TUN_CONFIGURE',
    `the network device could not be configured: ${stderr.trim() || error.message}`,
    'check the rights of the daemon and that no other VPN uses 100.64.0.0/10 or the same device name',
    { cause: error },
  );
}
