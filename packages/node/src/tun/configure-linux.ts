/**
 * Addresses, MTU and routes of the TUN device, by iproute2 in one batch: either all of it is applied or
 * the error says which line failed.
 */
import { type ExecFileException, execFile } from 'node:child_process';
import type { Prefix } from '@warren/core/ip/prefix';
import { NodeError } from '../errors.js';

/** The overlay's ranges, routed into the device. */
const OVERLAY_ROUTES = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'];
/** A batch of a dozen lines takes milliseconds; a hanging `ip` must not hang the daemon. */
const IP_TIMEOUT_MS = 10_000;

/**
 * The largest packet inside the tunnel. 1,280 is IPv6's minimum and fits, with WireGuard's 60 or 80
 * bytes, through every path that carries 1,360.
 */
export const TUN_MTU_BYTES = 1280;

/** Brings the device up with exactly `addresses`. Safe to repeat when they change. */
export async function configureTun(name: string, addresses: readonly Prefix[]): Promise<void> {
  const families = new Set(addresses.map((address) => (address.includes(':') ? 6 : 4)));
  const lines = [
    `addr flush dev ${name}`,
    ...addresses.map((address) => `addr replace ${address} dev ${name}`),
    `link set dev ${name} mtu ${TUN_MTU_BYTES} up`,
    ...OVERLAY_ROUTES.filter((route) => families.has(route.includes(':') ? 6 : 4)).map(
      (route) => `route replace ${route} dev ${name}`,
    ),
  ];
  try {
    await ip(['-batch', '-'], `${lines.join('\n')}\n`);
  } catch (first) {
    // A kernel without IPv6 refuses those lines; IPv4 alone is a working mesh.
    const v4Lines = lines.filter((line) => !/:/.test(line));
    if (v4Lines.length === lines.length) throw first;
    await ip(['-batch', '-'], `${v4Lines.join('\n')}\n`);
  }
}

/** Takes the addresses away and the device down; the descriptor stays open. */
export async function deconfigureTun(name: string): Promise<void> {
  await ip(['-batch', '-'], `addr flush dev ${name}\nlink set dev ${name} down\n`);
}

function ip(argv: readonly string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', argv, { timeout: IP_TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(ipError(error, stderr));
    });
    child.stdin?.on('error', () => {
      // The exit code tells the story; a closed pipe is only its shadow.
    });
    child.stdin?.end(input);
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
  return new NodeError(
    'TUN_CONFIGURE',
    `the network device could not be configured: ${stderr.trim() || error.message}`,
    'check the rights of the daemon and that no other VPN uses 100.64.0.0/10 or the same device name',
    { cause: error },
  );
}
