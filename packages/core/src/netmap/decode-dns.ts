/**
 * Control's DNSConfig: JSON to {@link DnsConfig}.
 *
 *     {"Proxied": true, "Domains": ["net.example"], "CertDomains": ["alpha.net.example"],
 *      "Resolvers": [{"Addr": "1.1.1.1"}], "FallbackResolvers": [...],
 *      "Routes": {"corp.example": [{"Addr": "10.0.0.53"}], "net.example": []},
 *      "ExtraRecords": [{"Name": "wiki.net.example", "Type": "A", "Value": "100.64.0.7"}]}
 *
 * Absent: unchanged; else the whole of it is replaced. What isn't understood costs itself and is counted, so that
 * one odd resolver doesn't cost the names. `Type` of a record may be left out; the value says what it is.
 */
import type { Counters } from '../base/counters.js';
import { asArray, asEntries, asObject, asString } from '../base/json.js';
import type { DnsConfig } from '../dns/dns-config.js';
import { type DnsName, parseName, ROOT } from '../dns/name.js';
import type { ExtraRecord } from '../dns/node-names.js';
import { parseUpstream, type Upstream } from '../dns/upstream.js';
import { familyOf, parseAddress } from '../ip/address.js';
import { decodeList, type ListBounds } from './bounded-list.js';
import {
  dnsDomainsMax,
  dnsRecordsMax,
  dnsResolversMax,
  dnsRoutesMax,
  nameLengthMax,
  urlLengthMax,
} from './limits.js';

const bounds = (max: number, malformed: string): ListBounds => ({
  max,
  malformed,
  overLimit: 'netmap-dns-over-limit',
});

const RESOLVERS = bounds(dnsResolversMax, 'netmap-dns-resolver-malformed');
const DOMAINS = bounds(dnsDomainsMax, 'netmap-dns-domain-malformed');
const RECORDS = bounds(dnsRecordsMax, 'netmap-dns-record-malformed');

const readName = (value: unknown): DnsName | undefined => {
  const text = asString(value, nameLengthMax);
  return text === undefined ? undefined : parseName(text);
};

/** A suffix that names are completed with: the root would complete nothing. */
const readDomain = (value: unknown): DnsName | undefined => {
  const name = readName(value);
  return name === ROOT ? undefined : name;
};

function readResolvers(value: unknown, counters: Counters): readonly Upstream[] {
  return decodeList(value, RESOLVERS, counters, (entry) => {
    const text = asString(asObject(entry)?.['Addr'], urlLengthMax);
    return text === undefined ? undefined : parseUpstream(text);
  });
}

function readRoutes(value: unknown, counters: Counters): ReadonlyMap<DnsName, readonly Upstream[]> {
  const routes = new Map<DnsName, readonly Upstream[]>();
  for (const [suffix, resolvers] of asEntries(value)) {
    if (routes.size >= dnsRoutesMax) {
      counters.add(RESOLVERS.overLimit);
      break;
    }
    const name = readName(suffix);
    const upstreams = readResolvers(resolvers, counters);
    // Resolvers that are all unusable must not turn into "nobody else knows this suffix".
    const isUsable = upstreams.length > 0 || asArray(resolvers).length === 0;
    if (name === undefined || !isUsable) counters.add('netmap-dns-route-malformed');
    else routes.set(name, upstreams);
  }
  return routes;
}

function readRecord(value: unknown): ExtraRecord | undefined {
  const record = asObject(value);
  const name = readDomain(record?.['Name']);
  const text = asString(record?.['Value'], nameLengthMax);
  const address = text === undefined ? undefined : parseAddress(text);
  if (name === undefined || address === undefined) return undefined;
  const type = record?.['Type'] ?? '';
  const own = familyOf(address) === 4 ? 'A' : 'AAAA';
  return type === '' || type === own ? { name, address } : undefined;
}

/** Undefined: no statement. */
export function decodeDnsConfig(value: unknown, counters: Counters): DnsConfig | undefined {
  const config = asObject(value);
  if (config === undefined) return undefined;
  return {
    proxied: config['Proxied'] === true,
    resolvers: readResolvers(config['Resolvers'], counters),
    fallbackResolvers: readResolvers(config['FallbackResolvers'], counters),
    routes: readRoutes(config['Routes'], counters),
    domains: decodeList(config['Domains'], DOMAINS, counters, readDomain),
    certDomains: decodeList(config['CertDomains'], DOMAINS, counters, readDomain),
    extraRecords: decodeList(config['ExtraRecords'], RECORDS, counters, readRecord),
  };
}
