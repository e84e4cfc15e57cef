/** A NAT as status and netcheck describe it. `null`: not known, never a guess. */

/** Of one family. */
export interface FamilyNatReport {
  /** `none`: nothing translates. `endpoint-dependent`: one of the two dependent kinds, not known which. */
  readonly mapping:
    | 'none'
    | 'endpoint-independent'
    | 'address-dependent'
    | 'address-and-port-dependent'
    | 'endpoint-dependent'
    | null;
  /** `none`: strangers get in although nothing was sent. */
  readonly filtering:
    | 'none'
    | 'endpoint-independent'
    | 'address-dependent'
    | 'address-and-port-dependent'
    | null;
  readonly portAllocation: 'preserving' | 'sequential' | 'random' | null;
  /** Of `sequential`: from one new mapping to the next; else 0. */
  readonly portDelta: number | null;
  /** Where the ports lie, when they are few. */
  readonly portRange: { readonly low: number; readonly high: number } | null;
  readonly hairpin: boolean | null;
  /** An idle mapping was still there after this. */
  readonly lifetimeMs: number | null;
  /** Flows were dropped although few were open. */
  readonly tablePressure: boolean | null;
}

/** The fields of IPv4, or of IPv6 where there is nothing else, with what is true of both. */
export interface NatReport extends FamilyNatReport {
  /** `none`: proven to be reached unasked. `unknown`: no UDP, or not enough to tell. */
  readonly class: 'none' | 'easy' | 'hard' | 'unknown';
  readonly cgnat: boolean | null;
  /** The prefix under which IPv4 is reached over IPv6. */
  readonly nat64: string | null;
  /** Null: no server answered over IPv6. */
  readonly ipv6: FamilyNatReport | null;
}
