/** What a network check says, in the local API and as `warren netcheck --json`. `null`: not known, never a guess. */
import type { NatReport } from './nat-report.js';
import type { EndpointStatus, EndpointVerdict, ErrorReport } from './protocol.js';

export interface RelayLatency {
  /** Code of the region. */
  readonly region: string;
  readonly name: string;
  readonly latencyMs: number | null;
  /** What was measured; the two can't be compared. */
  readonly method: 'stun' | 'https' | null;
}

export interface CheckedEndpoint extends EndpointStatus {
  readonly verified: EndpointVerdict;
}

export interface NetcheckReport {
  /** ISO time of its end. */
  readonly at: string;
  readonly udp: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly osHasIPv6: boolean | null;
  readonly globalV4: string | null;
  readonly globalV6: string | null;
  readonly mappingVariesByDestIP: boolean | null;
  readonly nat: NatReport;
  readonly portMapping: {
    readonly upnp: boolean | null;
    readonly natpmp: boolean | null;
    readonly pcp: boolean | null;
    readonly external: string | null;
    /** Why a service doesn't map, in words, by the names above; those that do are missing. */
    readonly errors: Readonly<Partial<Record<'upnp' | 'natpmp' | 'pcp', string>>>;
  };
  readonly captivePortal: boolean | null;
  /** What the environment names for HTTPS, without its password. */
  readonly proxy: string | null;
  /** Every region of the map, the nearest first. */
  readonly relays: readonly RelayLatency[];
  /** Code of the region. */
  readonly preferredRelay: string | null;
  readonly endpoints: readonly CheckedEndpoint[];
  readonly advice: readonly string[];
}

export type NetcheckLine =
  | { readonly event: 'progress'; readonly message: string }
  | { readonly event: 'report'; readonly report: NetcheckReport }
  | { readonly event: 'error'; readonly error: ErrorReport['error'] };
