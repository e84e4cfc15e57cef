/** What is remembered of a network (network-memory.ts), as it is handed out to be kept and given back at a start. */
import type { Instant } from '../base/instant.js';
import type { IpAddress } from '../ip/address.js';
import type { PortRange } from '../paths/ports.js';

/** How peers were met through a NAT whose ports had to be guessed. */
export interface HardNatMemory {
  /** What worked last; undefined: nothing has yet. */
  readonly method: 'predict' | 'birthday' | undefined;
  /** Hops that openers were given when it worked; undefined: as many as other datagrams have. */
  readonly ttl: number | undefined;
  /** All ports that this NAT was seen to give lie here; undefined: they are not confined. */
  readonly portRange: PortRange | undefined;
  /** Attempts that failed since one worked. */
  readonly failures: number;
  /** Of the latest attempt. */
  readonly lastAt: Instant;
}

export interface RememberedNetwork {
  /** Under which servers see us there. */
  readonly address: IpAddress;
  /** When something was noted of it. */
  readonly notedAt: Instant;
  /** An idle mapping was still there after so long. */
  readonly lifetime?: { readonly lifetimeMs: number; readonly measuredAt: Instant };
  readonly hardNat?: HardNatMemory;
}
