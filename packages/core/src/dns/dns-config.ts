/** What control says of DNS, and what follows from it for the resolver and for the system. */
import type { IpAddress } from '../ip/address.js';
import { familyOf } from '../ip/address.js';
import { type Prefix, prefixAddress } from '../ip/prefix.js';
import { type DnsName, parseName, ROOT } from './name.js';
import { type ExtraRecord, type NamedNode, NodeNames } from './node-names.js';
import type { ResolverConfig } from './resolver-config.js';
import { formatUpstream, SERVICE_ADDRESSES, type Upstream } from './upstream.js';

/** As control sends it, validated. */
export interface DnsConfig {
  /** MagicDNS: names of the network go through every node's own resolver. */
  readonly proxied: boolean;
  /** For everything that no route names; empty: the system's own. */
  readonly resolvers: readonly Upstream[];
  /** In their place where the system's own can't be known. */
  readonly fallbackResolvers: readonly Upstream[];
  /** By suffix; an empty list: this network's own. */
  readonly routes: ReadonlyMap<DnsName, readonly Upstream[]>;
  /** What single names are completed with, in this order. */
  readonly domains: readonly DnsName[];
  readonly certDomains: readonly DnsName[];
  readonly extraRecords: readonly ExtraRecord[];
}

/** Control has said nothing. */
export const NO_DNS: DnsConfig = {
  proxied: false,
  resolvers: [],
  fallbackResolvers: [],
  routes: new Map(),
  domains: [],
  certDomains: [],
  extraRecords: [],
};

/** The network as far as names go. */
export interface DnsNetwork {
  readonly dns: DnsConfig;
  readonly self: NamedNode;
  /** With `self`; called when somebody asks. */
  readonly nodes: () => Iterable<NamedNode>;
  /** Control gives machines with IPv4 an IPv6 address under their names too. */
  readonly withIpv6: boolean;
}

/** How this machine wants it. */
export interface DnsWishes {
  /** False: `--accept-dns=false`, names of the network are answered and nothing else is taken. */
  readonly acceptDns: boolean;
  /** The system's resolvers as they were before us; empty: unknown, or none. */
  readonly systemResolvers: readonly Upstream[];
}

/** The reverse zones of the overlay's ranges: 100.64.0.0/10 and fd7a:115c:a1e0::/48. */
function reverseZones(addresses: readonly Prefix[]): readonly DnsName[] {
  const families = new Set(addresses.map((address) => familyOf(prefixAddress(address))));
  const v4 = Array.from({ length: 64 }, (_, i) => `${64 + i}.100.in-addr.arpa`);
  const v6 = ['0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa'];
  return [...(families.has(4) ? v4 : []), ...(families.has(6) ? v6 : [])] as DnsName[];
}

/** `net.example` of a machine called `alpha.net.example.`; undefined: its name has no suffix. */
export function suffixOfNetwork(self: NamedNode): DnsName | undefined {
  const name = parseName(self.name);
  const dot = name?.indexOf('.') ?? -1;
  return name === undefined || dot < 0 ? undefined : (name.slice(dot + 1) as DnsName);
}

/** Suffixes whose names this network alone knows. */
export function ownSuffixes({ dns, self }: Pick<DnsNetwork, 'dns' | 'self'>): ReadonlySet<DnsName> {
  const suffixes = new Set<DnsName>();
  const suffix = suffixOfNetwork(self);
  if (dns.proxied && suffix !== undefined) {
    suffixes.add(suffix);
    for (const zone of reverseZones(self.addresses)) suffixes.add(zone);
  }
  for (const [name, upstreams] of dns.routes) if (upstreams.length === 0) suffixes.add(name);
  return suffixes;
}

/** What the resolver is told. */
export function resolverConfigOf(network: DnsNetwork, wishes: DnsWishes): ResolverConfig {
  const { dns, nodes, withIpv6 } = network;
  const names = new NodeNames({ nodes, extraRecords: dns.extraRecords, withIpv6 });
  if (!wishes.acceptDns) {
    return { names, suffixes: ownSuffixes(network), routes: new Map(), defaults: [] };
  }
  const routes = [...dns.routes].filter(
    ([name, upstreams]) => upstreams.length > 0 && name !== ROOT,
  );
  const root = dns.routes.get(ROOT) ?? [];
  const candidates = [dns.resolvers, root, wishes.systemResolvers, dns.fallbackResolvers];
  const defaults = candidates.find((upstreams) => upstreams.length > 0) ?? [];
  return { names, suffixes: ownSuffixes(network), routes: new Map(routes), defaults };
}

/** What the system's resolver is told; undefined: leave it alone. */
export interface SystemDns {
  readonly nameservers: readonly IpAddress[];
  readonly searchDomains: readonly DnsName[];
  /** Suffixes for these nameservers alone; undefined: they answer everything. */
  readonly matchDomains: readonly DnsName[] | undefined;
}

/** Nothing to say: no resolver, no suffix. */
function saysNothing({ dns }: Pick<DnsNetwork, 'dns'>, suffixes: ReadonlySet<DnsName>): boolean {
  return suffixes.size === 0 && dns.routes.size === 0 && dns.resolvers.length === 0;
}

/** What the system's resolver is to be told. `hasIpv6`: the service's IPv6 address answers as well. */
export function systemDnsOf(network: DnsNetwork, acceptDns: boolean): SystemDns | undefined {
  const { dns } = network;
  const suffixes = ownSuffixes(network);
  if (!acceptDns || saysNothing(network, suffixes)) return undefined;
  const searchDomains = dns.domains.filter((domain) => domain !== ROOT);
  const everything = dns.resolvers.length > 0 || dns.routes.get(ROOT) !== undefined;
  const matchDomains = [...new Set([...suffixes, ...dns.routes.keys()])];
  return {
    nameservers: SERVICE_ADDRESSES.slice(0, 1),
    searchDomains,
    matchDomains: everything ? undefined : matchDomains,
  };
}

/** Resolvers of control that can't be asked here, for a sentence to people. */
export function unsupportedUpstreams(dns: DnsConfig): readonly string[] {
  const all = [...dns.resolvers, ...dns.fallbackResolvers, ...[...dns.routes.values()].flat()];
  return [...new Set(all.filter(({ kind }) => kind === 'https').map(formatUpstream))];
}
