/** A UDP datagram under way. Nobody writes to its bytes: who wants to work in them makes a copy. */
import type { Endpoint } from '@warren/core/ip/address';

export interface Datagram {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly bytes: Uint8Array;
  /** The host that really sent it, which no receiver can know: for checkers. */
  readonly origin: string;
}
