/**
 * The nftables text of routers and firewalls: `wan` is outside, `br0` inside.
 *
 * Input drops what comes unasked from the WAN. Without that, an early punch packet of a peer is confirmed
 * in conntrack as a flow to the router itself; the client's own flow to that peer then collides with it,
 * loses its port, and easy NATs fail to punch.
 */
import {
  type NatProfile,
  type Network,
  portMappingOf,
  type Topology,
} from '@warren/sim/topology/types';
import { balancerRules } from './balancer.js';
import { hairpinRules } from './hairpin.js';
import { translationRules } from './nat-translation.js';
import { nat64Forwards } from './nat64.js';
import { PINHOLES, portMappingForwards, portMappingRules } from './port-mapping.js';
import { carrierCustomer, outsideOf } from './router.js';

/** What a router lets pass; `forwards` are the statements for what goes through it, `chains` what they jump to. */
function routerFirewall(forwards: readonly string[], chains = ''): string {
  return `
table inet fw {
${chains}  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" icmp type echo-request accept
    iifname "wan" meta l4proto ipv6-icmp accept
    iifname "wan" drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ${forwards.join('\n    ')}
  }
}
`;
}

/** Errors and pings pass any IPv6 firewall (RFC 4890); without one everything does. */
function ipv6Forwards({ ipv6 }: Network): string[] {
  if (ipv6 === undefined) return [];
  return [ipv6.firewalled ? 'meta l4proto ipv6-icmp accept' : 'meta nfproto ipv6 accept'];
}

/** What `nft -f` of a network's router takes. */
export function routerRules(topology: Topology, network: Network): string {
  const { nat, balancers = [] } = network;
  const members = topology.machines.flatMap(({ name, at }) =>
    at.kind === 'lan' && at.network === network.name ? [{ name, address: at.address }] : [],
  );
  const outside = outsideOf(network);
  if (outside === undefined) return '';
  const portMapping = portMappingOf(network);
  const forwards = [
    ...passing(nat),
    ...ipv6Forwards(network),
    ...(network.nat64 === true ? nat64Forwards : []),
    ...(portMapping === undefined ? [] : portMappingForwards(portMapping)),
  ];
  const inside = members.map(({ address }) => address);
  return [
    routerFirewall(forwards, portMapping === undefined ? '' : `  chain ${PINHOLES} { }\n`),
    translationRules(nat, { outside, inside }),
    // Behind a carrier the outer endpoints are the carrier's.
    network.hairpin === true && network.carrier === undefined ? hairpinRules(nat, outside) : '',
    balancerRules(balancers, (name) => members.find((member) => member.name === name)?.address),
    portMapping === undefined ? '' : portMappingRules(portMapping, outside),
  ].join('');
}

/** What `nft -f` of the carrier in front of a network takes; IPv6 passes it as it is. */
export function carrierRules({ carrier, addresses, hairpin }: Network): string {
  const [outside] = addresses;
  if (carrier === undefined || outside === undefined) return '';
  return [
    routerFirewall([...passing(carrier.nat), 'meta nfproto ipv6 accept']),
    translationRules(carrier.nat, { outside, inside: [carrierCustomer(carrier)] }),
    hairpin === true ? hairpinRules(carrier.nat, outside) : '',
  ].join('');
}

/** What a NAT lets through: answers, what leaves, and what a mapping sends in. */
function passing(nat: NatProfile): string[] {
  return [
    ...(nat === 'udp-blocked' ? ['meta l4proto udp drop'] : []),
    'ct state established,related accept',
    'iifname "br0" oifname "wan" accept',
    'ct status dnat accept',
  ];
}

/**
 * What `nft -f` of a firewalled public machine takes. Only its uplink is guarded: what comes out of the
 * tunnel's device is the business of the mesh.
 */
export const machineFirewall = `
table inet fw {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "eth0" ct state established,related accept
    iifname "eth0" icmp type echo-request accept
    iifname "eth0" meta l4proto ipv6-icmp accept
    iifname "eth0" drop
  }
}
`;
