/** What a person sees of the port mapper: which routers there are, what each protocol found there, what is mapped. */
import type { Instant } from '../base/instant.js';
import type { Endpoint, IpAddress, IpFamily } from '../ip/address.js';
import type { PortMapProtocol } from './io.js';
import type { MethodFacts } from './method.js';

/**
 * `looking`: no answer yet. `ready`: it is there, and something else maps or nothing is to be mapped. `asking`: for a
 * mapping. `mapped`. `dead`: the mapping stands and lets nobody in. `failed`: not there, or it refuses.
 */
export type MethodState = 'looking' | 'ready' | 'asking' | 'mapped' | 'dead' | 'failed';

export interface MethodReport extends MethodFacts {
  readonly protocol: PortMapProtocol;
  readonly state: MethodState;
  /** Undefined: not known yet. */
  readonly isPresent: boolean | undefined;
  /** The latest failure, in words. */
  readonly error: string | undefined;
  /** When it is tried again. */
  readonly retryAt: Instant | undefined;
  readonly mapping:
    | { readonly external: Endpoint; readonly isPublic: boolean; readonly lifetimeMs: number }
    | undefined;
}

/** Where the default route of a family leads. */
export interface RouterReport {
  readonly family: IpFamily;
  /** Undefined: there is no such route. */
  readonly gateway: IpAddress | undefined;
  /** Our address towards it. */
  readonly self: IpAddress | undefined;
  /** Of our socket; undefined: there is none, so nothing is asked. */
  readonly internalPort: number | undefined;
  /** The best first; empty: nothing is asked. */
  readonly methods: readonly MethodReport[];
}
