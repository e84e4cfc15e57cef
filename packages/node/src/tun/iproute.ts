/** Calls of iproute2's `ip`, and what its failures mean. */
import { type ExecFileException, execFile } from 'node:child_process';
import { NodeError } from '../errors.js';

/** The overlay's ranges, routed into the device. */
export const OVERLAY_ROUTES = { 4: '100.64.0.0/10', 6: 'fd7a:115c:a1e0::/48' } as const;
/** A batch of a dozen lines takes milliseconds; a hanging `ip` must not hang the daemon. */
const IP_TIMEOUT_MS = 10_000;

/** Runs `ip` with lines for its input (`-batch -`). Throws TUN_CONFIGURE and IPROUTE_MISSING. */
export async function runIp(argv: readonly string[], lines: readonly string[]): Promise<void> {
  await callIp(argv, lines);
}

/** What `ip` prints. Throws as {@link runIp}. */
export function showIp(argv: readonly string[]): Promise<string> {
  return callIp(argv, []);
}

function callIp(argv: readonly string[], lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', argv, { timeout: IP_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
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
