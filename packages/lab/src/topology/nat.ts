/**
 * The nftables text of routers and firewalls: `wan` is outside, `br0` inside.
 *
 * Input drops what comes unasked from the WAN. Without that, an early punch packet of a peer is confirmed
 * in conntrack as a flow to the router itself; the client's own flow to that peer then collides with it,
 * loses its port, and easy NATs fail to punch.
 */
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import {
  BAN_MS,
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
function routerFirewall(forwards: readonly string[], chains = '', unasked = ''): string {
  return `
table inet fw {
${chains}  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" icmp type echo-request accept
    iifname "wan" meta l4proto ipv6-icmp accept
${unasked}    iifname "wan" drop
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
    routerFirewall(
      forwards,
      portMapping === undefined ? '' : `  chain ${PINHOLES} { }\n`,
      network.rejects === true ? REJECTION : '',
    ),
    network.bansAfter === undefined ? '' : banRules(network.bansAfter),
    translationRules(nat, { outside, pool: poolOf(network), inside }),
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
    translationRules(carrier.nat, {
      outside,
      pool: addresses.filter((address) => familyOf(address) === 4),
      inside: [carrierCustomer(carrier)],
    }),
    hairpin === true ? hairpinRules(carrier.nat, outside) : '',
  ].join('');
}

/** A network's addresses that its own NAT may use: its balancers' are theirs. */
function poolOf(network: Network): readonly IpAddress[] {
  const { addresses, carrier, balancers = [] } = network;
  if (carrier !== undefined) return [carrierCustomer(carrier)];
  const taken = balancers.map(({ address }) => address);
  return addresses.filter((address) => familyOf(address) === 4 && !taken.includes(address));
}

/** Statement of the input chain. */
const REJECTION = '    iifname "wan" meta l4proto udp reject with icmp port-unreachable\n';

/** The banned are dropped before anything else is asked, a connection of theirs or not. */
function banRules(bansAfter: number): string {
  const set = (name: string): string => `
  set ${name} {
    type ipv4_addr
    flags dynamic,timeout
    timeout ${BAN_MS / 1000}s
    size 65535
  }`;
  return `
table ip ban {${set('banned')}${set('knocking')}
  chain pre {
    type filter hook prerouting priority raw; policy accept;
    iifname "wan" ip saddr @banned drop
  }
  chain input {
    type filter hook input priority filter - 1; policy accept;
    iifname "wan" meta l4proto udp ct state new update @knocking { ip saddr limit rate over ${bansAfter}/minute burst ${bansAfter} packets } add @banned { ip saddr }
  }
}
`;
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
