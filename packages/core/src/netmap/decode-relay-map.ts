/**
 * Control's DERPMap to relay regions.
 *
 *     {"Regions": {"900": {RegionID, RegionCode, RegionName, NoMeasureNoHome, Nodes: [{Name, RegionID, HostName,
 *       CertName, IPv4, IPv6, STUNPort, STUNOnly, DERPPort, CanPort80, WarrenDialBack, WarrenStunAlternatePort,
 *       WarrenStunAlternateIPv4, WarrenStunAlternateIPv6}]}}}
 *
 * Defaults: DERPPort 0 is 443; STUNPort 0 is 3478 and -1 none; IPv4/IPv6 "none" switches a family off, empty
 * means look the name up. Null regions are dropped; a map without Regions changes nothing.
 */
import type { Counters } from '../base/counters.js';
import { asDisplayText, asEntries, asInteger, asObject, asString } from '../base/json.js';
import type { RegionId } from '../engines/paths.js';
import { type IpAddress, parseAddress } from '../ip/address.js';
import { decodeList, type ListBounds } from './bounded-list.js';
import {
  labelLengthMax,
  nameLengthMax,
  regionsMax,
  relaysPerRegionMax,
  tokenLengthMax,
} from './limits.js';
import type { RelayMap, RelayNode, RelayRegion } from './types.js';

/** HTTPS, where relays hide best from firewalls. */
const RELAY_PORT_DEFAULT = 443;
/** RFC 8489 section 18.6. */
const STUN_PORT_DEFAULT = 3478;

/** Letters, digits, dots, hyphens, underscores; or an IPv6 literal without brackets. */
const HOST_NAME = /^[A-Za-z0-9._:-]+$/;

function readPort(value: unknown, byDefault: number): number | undefined {
  if (value === undefined || value === null || value === 0) return byDefault;
  return asInteger(value, 1, 65_535);
}

function readFamily(value: unknown, family: 4 | 6): IpAddress | null | undefined {
  const text = asString(value, tokenLengthMax);
  if (text === undefined || text === '') return undefined;
  const address = parseAddress(text);
  // A word that is no address of this family ("none") switches the family off, as every client reads it.
  return address === undefined || address.includes(':') !== (family === 6) ? null : address;
}

/** Another address without another port is of no use to a test. */
function readAlternates(
  node: Readonly<Record<string, unknown>>,
): Pick<RelayNode, 'alternateStunPort' | 'alternateIpv4' | 'alternateIpv6'> {
  const port = asInteger(node['WarrenStunAlternatePort'], 1, 65_535);
  if (port === undefined) return {};
  const ipv4 = readFamily(node['WarrenStunAlternateIPv4'], 4) ?? undefined;
  const ipv6 = readFamily(node['WarrenStunAlternateIPv6'], 6) ?? undefined;
  return {
    alternateStunPort: port,
    ...(ipv4 === undefined ? {} : { alternateIpv4: ipv4 }),
    ...(ipv6 === undefined ? {} : { alternateIpv6: ipv6 }),
  };
}

function decodeRelayNode(value: unknown, regionId: RegionId): RelayNode | undefined {
  const node = asObject(value);
  const hostName = asString(node?.['HostName'], nameLengthMax);
  if (node === undefined || hostName === undefined || !HOST_NAME.test(hostName)) return undefined;
  if (node['RegionID'] !== undefined && node['RegionID'] !== regionId) return undefined;
  const relayPort = readPort(node['DERPPort'], RELAY_PORT_DEFAULT);
  if (relayPort === undefined) return undefined;
  const certName = asString(node['CertName'], nameLengthMax);
  return {
    name: asDisplayText(node['Name'], labelLengthMax),
    regionId,
    hostName,
    certName: certName === undefined || certName === '' ? undefined : certName,
    ipv4: readFamily(node['IPv4'], 4),
    ipv6: readFamily(node['IPv6'], 6),
    relayPort,
    stunPort: node['STUNPort'] === -1 ? undefined : readPort(node['STUNPort'], STUN_PORT_DEFAULT),
    stunOnly: node['STUNOnly'] === true,
    ...(node['CanPort80'] === true ? { canPort80: true } : {}),
    ...(node['WarrenDialBack'] === true ? { dialsBack: true } : {}),
    ...readAlternates(node),
  };
}

const NODES: ListBounds = {
  max: relaysPerRegionMax,
  malformed: 'netmap-relay-malformed',
  overLimit: 'netmap-relays-over-limit',
};

function decodeRegion(key: string, value: unknown, counters: Counters): RelayRegion | undefined {
  const region = asObject(value);
  const id = asInteger(region?.['RegionID'], 1);
  if (region === undefined || id === undefined || String(id) !== key) return undefined;
  return {
    id,
    code: asDisplayText(region['RegionCode'], labelLengthMax),
    name: asDisplayText(region['RegionName'], labelLengthMax),
    noMeasureNoHome: region['NoMeasureNoHome'] === true,
    nodes: decodeList(region['Nodes'], NODES, counters, (node) => decodeRelayNode(node, id)),
  };
}

/** Decodes a DERPMap; undefined when it states no regions, so that the old ones stay. */
export function decodeRelayMap(value: unknown, counters: Counters): RelayMap | undefined {
  const map = asObject(value);
  if (asObject(map?.['Regions']) === undefined) return undefined;
  const regions = new Map<RegionId, RelayRegion>();
  for (const [key, entry] of asEntries(map?.['Regions'])) {
    if (entry === null) continue; // a null region takes away one of the defaults
    if (regions.size >= regionsMax) {
      counters.add('netmap-regions-over-limit');
      break;
    }
    const region = decodeRegion(key, entry, counters);
    if (region === undefined) counters.add('netmap-region-malformed');
    else regions.set(region.id, region);
  }
  return { regions };
}
