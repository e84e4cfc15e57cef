/** What `warren dns` shows: GET /v0/dns and GET /v0/dns/query. */

/** Resolvers are addresses, with a port where it is not 53, or `https://` URLs. */
type Resolvers = readonly string[];

export interface DnsStatusReport {
  /** `--accept-dns`: control's resolvers and search domains are used, and the system is told of ours. */
  readonly acceptDns: boolean;
  /** Control lets nodes answer for each other's names. */
  readonly magicDns: boolean;
  /** Of the machines' names; null: not in a network. */
  readonly suffix: string | null;
  readonly selfName: string | null;
  /** As control has them. */
  readonly resolvers: Resolvers;
  readonly fallbackResolvers: Resolvers;
  /** By suffix; an empty list: the network's own. */
  readonly routes: Readonly<Record<string, Resolvers>>;
  readonly searchDomains: readonly string[];
  readonly certDomains: readonly string[];
  readonly extraRecords: readonly {
    readonly name: string;
    readonly type: string;
    readonly value: string;
  }[];
  /** What the resolver does with them. */
  readonly inUse: {
    readonly defaults: Resolvers;
    readonly routes: Readonly<Record<string, Resolvers>>;
    readonly ownSuffixes: readonly string[];
  };
  /** Addresses on which the resolver answers. */
  readonly listening: readonly string[];
  readonly system: {
    /** Who sets it: `file`, `resolvconf` or `systemd-resolved`; null: not known yet. */
    readonly manager: string | null;
    readonly isSet: boolean;
    readonly nameservers: readonly string[];
    readonly searchDomains: readonly string[];
    /** Null: everything goes to the nameservers. */
    readonly matchDomains: readonly string[] | null;
    /** The resolvers of the system without us. */
    readonly ownResolvers: Resolvers;
  };
  /** Answers kept. */
  readonly cached: number;
}

export interface DnsAnswer {
  readonly name: string;
  readonly ttl: number;
  readonly class: number;
  readonly type: string;
  readonly data: string;
}

export interface DnsQueryReport {
  readonly name: string;
  readonly type: string;
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL` ... */
  readonly rcode: string;
  /** The network itself answered. */
  readonly local: boolean;
  /** Who is asked for such names when the network doesn't know them. */
  readonly upstreams: Resolvers;
  readonly answers: readonly DnsAnswer[];
}
