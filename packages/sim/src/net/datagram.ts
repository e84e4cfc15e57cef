/** A UDP datagram under way. Nobody writes to its bytes: who wants to work in them makes a copy. */
import type { Endpoint } from '@warren/core/ip/address';

/** What systems send with (RFC 1700's recommendation, Linux' and macOS' default). */
export const DEFAULT_HOPS = 64;

export interface Datagram {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly bytes: Uint8Array;
  /** Time to live, hop limit: the routers that may still pass it on, and one. */
  readonly hops: number;
  /** The host that really sent it, which no receiver can know: for checkers. */
  readonly origin: string;
}

/** Past a router; undefined: it dies there. Nobody tells its sender. */
export function passedOn(datagram: Datagram): Datagram | undefined {
  const { source, target, bytes, hops, origin } = datagram;
  return hops <= 1 ? undefined : { source, target, bytes, hops: hops - 1, origin };
}
