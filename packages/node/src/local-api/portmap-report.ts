/** What the daemon's port mapper found, asked anew. `null`: not known, or there is none. */

export interface PortMapReport {
  /** False: routers are not asked (`--no-port-mapping`, environment or configuration). */
  readonly enabled: boolean;
  /** How servers see this machine's IPv4 socket; what a router says of itself is compared with it. */
  readonly seen: string | null;
  readonly cgnat: boolean | null;
  /** Where the default routes lead. */
  readonly routers: readonly RouterReportJson[];
}

export interface RouterReportJson {
  readonly family: 4 | 6;
  readonly gateway: string;
  /** This machine's address towards it. */
  readonly self: string;
  /** Null: no UDP socket is open, so nothing is asked. */
  readonly internalPort: number | null;
  /** The best first. */
  readonly protocols: readonly ProtocolReportJson[];
}

export interface ProtocolReportJson {
  readonly protocol: 'pcp' | 'natpmp' | 'upnp';
  /**
   * `ready`: it answers; something else maps, or nothing is to be mapped. `dead`: the mapping stands and nothing
   * comes through it. `failed`: it does not answer, or it refuses.
   */
  readonly state: 'looking' | 'ready' | 'asking' | 'mapped' | 'dead' | 'failed';
  readonly present: boolean | null;
  /** What the router calls its own; of a pinhole for IPv6 it is this machine's. */
  readonly externalAddress: string | null;
  /** For how long the router has kept its mappings, as it told, and how long ago it did. */
  readonly epoch: { readonly seconds: number; readonly toldAgoMs: number } | null;
  /** UPnP: control URLs of services that map. */
  readonly devices: readonly string[];
  /** The latest failure, in words. */
  readonly error: string | null;
  readonly retryInMs: number | null;
  readonly mapping: {
    readonly external: string;
    /** False: a second NAT stands in front of the router. */
    readonly public: boolean;
    /** As granted; null: permanent. */
    readonly lifetimeMs: number | null;
    readonly renewsInMs: number | null;
    readonly expiresInMs: number | null;
  } | null;
}
