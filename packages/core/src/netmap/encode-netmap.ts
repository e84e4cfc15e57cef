/**
 * A netmap in control's spelling: what applied to nothing gives the same netmap again. Nodes keep it on disk that
 * way, so that reading it back is bounded and checked as control's own word is, by whichever version reads it.
 */
import { formatRfc3339 } from '../base/rfc3339.js';
import type { DnsConfig } from '../dns/dns-config.js';
import { formatUpstream, type Upstream } from '../dns/upstream.js';
import type { FilterRule } from '../engines/filter-rule.js';
import { formatPublicKey } from '../keys/keys.js';
import { encodeRelayMap } from './encode-relay-map.js';
import { encodeNat } from './nat-json.js';
import type { Netmap, NetmapNode } from './types.js';
import type {
  WireDnsConfig,
  WireDnsResolver,
  WireFilterRule,
  WireMapResponse,
  WireNode,
} from './wire.js';

function encodeNode(node: NetmapNode): WireNode {
  const { machineKey, discoKey, homeRegion, lastSeen, keyExpiry, nat, capabilities } = node;
  return {
    ID: node.id,
    StableID: node.stableId,
    Name: node.name,
    User: node.userId,
    Key: formatPublicKey('node', node.key),
    ...(machineKey === undefined ? {} : { Machine: formatPublicKey('machine', machineKey) }),
    ...(discoKey === undefined ? {} : { DiscoKey: formatPublicKey('disco', discoKey) }),
    Addresses: node.addresses,
    AllowedIPs: [...node.allowedIps, ...(node.exitRoutes ?? [])],
    Endpoints: node.endpoints,
    ...(homeRegion === undefined ? {} : { HomeDERP: homeRegion }),
    Hostinfo: {
      Hostname: node.hostName,
      OS: node.os,
      ...(node.sshHostKeys === undefined ? {} : { sshHostKeys: node.sshHostKeys }),
    },
    Cap: node.capVersion,
    Tags: node.tags,
    ...(node.online === undefined ? {} : { Online: node.online }),
    ...(lastSeen === undefined ? {} : { LastSeen: formatRfc3339(lastSeen) }),
    ...(keyExpiry === undefined ? {} : { KeyExpiry: formatRfc3339(keyExpiry) }),
    Expired: node.expired,
    MachineAuthorized: node.machineAuthorized,
    IsWireGuardOnly: node.isWireGuardOnly,
    ...(node.keepAlive === true ? { KeepAlive: true } : {}),
    ...(node.isJailed === true ? { IsJailed: true } : {}),
    ...(capabilities === undefined
      ? {}
      : { CapMap: Object.fromEntries(capabilities.map((name) => [name, null])) }),
    ...(nat === undefined ? {} : { WarrenNat: encodeNat(nat) }),
  };
}

function encodeRule({ protocols, sources, targets }: FilterRule): WireFilterRule {
  return {
    SrcIPs: sources,
    DstPorts: targets.map(({ prefix, ports }) => ({
      IP: prefix,
      Ports: { First: ports.first, Last: ports.last },
    })),
    IPProto: protocols,
  };
}

function encodeResolvers(upstreams: readonly Upstream[]): readonly WireDnsResolver[] {
  return upstreams.map((upstream) => ({ Addr: formatUpstream(upstream) }));
}

function encodeDns(dns: DnsConfig): WireDnsConfig {
  return {
    Proxied: dns.proxied,
    Resolvers: encodeResolvers(dns.resolvers),
    FallbackResolvers: encodeResolvers(dns.fallbackResolvers),
    Routes: Object.fromEntries(
      [...dns.routes].map(([suffix, upstreams]) => [suffix, encodeResolvers(upstreams)]),
    ),
    Domains: dns.domains,
    CertDomains: dns.certDomains,
    ExtraRecords: dns.extraRecords.map(({ name, address }) => ({ Name: name, Value: address })),
  };
}

/** The message that makes this netmap out of nothing. Networks that we serve ourselves (`ownRoutes`) are not in it, nor what control warned of. */
export function encodeNetmap(netmap: Netmap): WireMapResponse {
  const sets = [...netmap.filterSets].map(([name, rules]) => [name, rules.map(encodeRule)]);
  return {
    Node: encodeNode(netmap.self),
    DERPMap: encodeRelayMap(netmap.relayMap),
    Peers: [...netmap.peers.values()].map(encodeNode),
    ...(netmap.dns === undefined ? {} : { DNSConfig: encodeDns(netmap.dns) }),
    Domain: netmap.domain,
    PacketFilters: Object.fromEntries(sets) as WireMapResponse['PacketFilters'] & object,
    UserProfiles: [...netmap.users.values()].map(({ id, loginName, displayName }) => ({
      ID: id,
      LoginName: loginName,
      DisplayName: displayName,
    })),
  };
}
