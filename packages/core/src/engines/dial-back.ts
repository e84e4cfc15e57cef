/** A relay's word on a datagram that it was asked for (frames 0x57 and 0x58), as all who ask understand it. */
import type { Endpoint } from '../ip/address.js';

/** What became of the datagram that a client asked for: sent, too many asked, or the relay can't. */
export type DialBackOutcome = 'sent' | 'rate-limited' | 'unavailable';

export interface DialBackAnswer {
  readonly token: Uint8Array;
  readonly outcome: DialBackOutcome;
  /** Where it was sent: the address that our connection comes from, and the port that we named. */
  readonly target: Endpoint | undefined;
}
