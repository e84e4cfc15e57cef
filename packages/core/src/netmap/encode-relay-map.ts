/** A relay map in control's spelling (decode-relay-map.ts reads it): what nodes hand to a check without a daemon. */
import type { RelayMap, RelayNode } from './types.js';
import type { WireRegion, WireRelayMap, WireRelayNode } from './wire.js';

function encodeNode(node: RelayNode): WireRelayNode {
  return {
    Name: node.name,
    RegionID: node.regionId,
    HostName: node.hostName,
    ...(node.certName === undefined ? {} : { CertName: node.certName }),
    ...(node.ipv4 === undefined ? {} : { IPv4: node.ipv4 ?? 'none' }),
    ...(node.ipv6 === undefined ? {} : { IPv6: node.ipv6 ?? 'none' }),
    DERPPort: node.relayPort,
    STUNPort: node.stunPort ?? -1,
    ...(node.stunOnly ? { STUNOnly: true } : {}),
    ...(node.canPort80 === true ? { CanPort80: true } : {}),
    ...(node.dialsBack === true ? { WarrenDialBack: true } : {}),
    ...(node.alternateStunPort === undefined
      ? {}
      : { WarrenStunAlternatePort: node.alternateStunPort }),
    ...(node.alternateIpv4 === undefined ? {} : { WarrenStunAlternateIPv4: node.alternateIpv4 }),
    ...(node.alternateIpv6 === undefined ? {} : { WarrenStunAlternateIPv6: node.alternateIpv6 }),
  };
}

export function encodeRelayMap(map: RelayMap): WireRelayMap {
  const regions = [...map.regions.values()].map((region): [string, WireRegion] => [
    String(region.id),
    {
      RegionID: region.id,
      RegionCode: region.code,
      RegionName: region.name,
      ...(region.noMeasureNoHome ? { NoMeasureNoHome: true } : {}),
      Nodes: region.nodes.map(encodeNode),
    },
  ]);
  return { Regions: Object.fromEntries(regions) };
}
