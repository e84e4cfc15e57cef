/**
 * DNS as an operator wants it for the network, and as clients are told it.
 *
 *     magicDns            nodes answer for each other's names; the base domain completes bare names
 *     nameservers         global ones: for everything, in place of the system's (override), or only where a node
 *                         can't know the system's
 *     split               for names under a suffix; none: the suffix is the network's own
 *     search domains      complete bare names after the base domain
 *     extra records       A and AAAA beside the names of nodes
 */
import type { WireDnsConfig, WireDnsResolver } from '../../netmap/wire.js';

export interface DnsSettings {
  readonly magicDns: boolean;
  /** False: a node's own resolvers stay, the global ones fill in where it has none. */
  readonly overrideLocalDns: boolean;
  /** Addresses, with or without port, or `https://` URLs. */
  readonly globalNameservers: readonly string[];
  /** By suffix. */
  readonly splitNameservers: ReadonlyMap<string, readonly string[]>;
  readonly searchDomains: readonly string[];
  readonly extraRecords: readonly DnsRecordSetting[];
}

export interface DnsRecordSetting {
  readonly name: string;
  readonly type: 'A' | 'AAAA';
  readonly value: string;
}

/** Without settings: names of the network, and nothing of anybody's resolvers. */
export const DEFAULT_DNS: DnsSettings = {
  magicDns: true,
  overrideLocalDns: false,
  globalNameservers: [],
  splitNameservers: new Map(),
  searchDomains: [],
  extraRecords: [],
};

const resolversOf = (addresses: readonly string[]): readonly WireDnsResolver[] =>
  addresses.map((Addr) => ({ Addr }));

/** What every node is told. */
export function dnsConfigOf(dns: DnsSettings, baseDomain: string): WireDnsConfig {
  const { magicDns, overrideLocalDns, extraRecords } = dns;
  const domains = [...new Set([...(magicDns ? [baseDomain] : []), ...dns.searchDomains])];
  const resolvers = resolversOf(dns.globalNameservers);
  const routes = [...dns.splitNameservers].map(
    ([suffix, addresses]) => [suffix, resolversOf(addresses)] as const,
  );
  return {
    Proxied: magicDns,
    ...(domains.length === 0 ? {} : { Domains: domains }),
    ...(resolvers.length === 0
      ? {}
      : { [overrideLocalDns ? 'Resolvers' : 'FallbackResolvers']: resolvers }),
    ...(routes.length === 0 ? {} : { Routes: Object.fromEntries(routes) }),
    ...(extraRecords.length === 0
      ? {}
      : {
          ExtraRecords: extraRecords.map(({ name, type, value }) => ({
            Name: name,
            Type: type,
            Value: value,
          })),
        }),
  };
}
