/** What the operating system's refusals to send say; names are errno's, as every platform spells them. */

/**
 * The destination can't be reached from here, or a local firewall forbids it. Giving up its path at once
 * is right; opening another socket would not help.
 */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPERM',
]);

/** The socket itself is gone. */
const SOCKET_DEAD: ReadonlySet<string> = new Set([
  'EBADF',
  'ENOTSOCK',
  'ERR_SOCKET_DGRAM_NOT_RUNNING',
]);

export function isUnreachable(reason: string): boolean {
  return UNREACHABLE.has(reason);
}

export function isSocketDead(reason: string): boolean {
  return SOCKET_DEAD.has(reason);
}
