/**
 * A real port mapping server (UPnP IGD, NAT-PMP and PCP) on routers: miniupnpd's configuration and the
 * nftables chains it fills. Pure; `world/port-mapping-servers.ts` starts it.
 *
 *     prerouting ── upnp_pre    before the NAT's own chains, so that a mapping beats a cone or an elastic IP
 *     forward ───── upnp_fwd    pinholes of IPv6; mappings of IPv4 pass as `ct status dnat` in any case
 *     input ─────── silence     drops the questions of protocols that the router does not speak
 *
 * On a router whose mappings are dead nothing jumps to the first two: they are granted and listed, and what
 * arrives for them meets the NAT as if they did not exist.
 */
import type { IpAddress } from '@warren/core/ip/address';
import type { Network, PortMappingService } from '@warren/sim/topology/types';

/** TCP port of its UPnP descriptions. */
const descriptionPort = 5000;

/** Lifetimes that it grants, in seconds: from the two minutes of RFC 6886 to a day. */
const minLifetimeSeconds = 120;
const maxLifetimeSeconds = 86_400;

/** First byte of a question at port 5351: the version, which tells NAT-PMP and PCP apart (RFC 6887 §9). */
const VERSIONS = [
  { protocol: 'natpmp', version: 0 },
  { protocol: 'pcp', version: 2 },
] as const;

/** Chain in the router's firewall that the server fills. */
export const PINHOLES = 'upnp_fwd';

/** Empties all chains that the server fills: what a reboot of the router does to mappings. */
export const FORGET_MAPPINGS = [
  'flush chain inet miniupnpd upnp_pre',
  'flush chain inet miniupnpd upnp_post',
  `flush chain inet fw ${PINHOLES}`,
]
  .map((line) => `${line}\n`)
  .join('');

/** Its chains; `outside` is the router's own address on its WAN. */
export function portMappingRules(
  { protocols, dead = false }: PortMappingService,
  outside: IpAddress,
): string {
  const silenced = VERSIONS.filter(({ protocol }) => !protocols.includes(protocol)).map(
    // The first byte after the UDP header.
    ({ version }) => `iifname "br0" udp dport 5351 @th,64,8 ${version} drop`,
  );
  const jump = dead ? '' : `ip daddr ${outside} jump upnp_pre`;
  return `
table inet miniupnpd {
  chain upnp_pre { }
  chain upnp_post { }
  chain prerouting {
    type nat hook prerouting priority dstnat - 5; policy accept;
    ${jump}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 5; policy accept;
    jump upnp_post
  }
  chain silence {
    type filter hook input priority filter - 10; policy accept;
    ${silenced.join('\n    ')}
  }
}
`;
}

/** What the firewall of a router says about the forwards of its mappings, after its own rules. */
export function portMappingForwards({ dead = false }: PortMappingService): string[] {
  return dead ? [] : [`jump ${PINHOLES}`];
}

export interface ServerFiles {
  /** Where the server writes its mappings of each family. */
  readonly leases: string;
  readonly leases6: string;
}

/** Its configuration file for a router; `index` makes its UUID its own. */
export function portMappingConfig(
  network: Network,
  service: PortMappingService,
  index: number,
  files: ServerFiles,
): string {
  const { protocols, tells } = service;
  const number = String(index + 1).padStart(12, '0');
  const yes = (answer: boolean): string => (answer ? 'yes' : 'no');
  const lines = [
    'ext_ifname=wan',
    ...(tells === undefined ? [] : [`ext_ip=${tells}`]),
    'listening_ip=br0',
    `port=${descriptionPort}`,
    // One switch for both; the chain `silence` tells them apart.
    `enable_natpmp=${yes(protocols.includes('natpmp') || protocols.includes('pcp'))}`,
    `enable_upnp=${yes(protocols.includes('upnp'))}`,
    'upnp_table_name=fw',
    'upnp_nat_table_name=miniupnpd',
    `upnp_forward_chain=${PINHOLES}`,
    'upnp_nat_chain=upnp_pre',
    'upnp_nat_postrouting_chain=upnp_post',
    `lease_file=${files.leases}`,
    `lease_file6=${files.leases6}`,
    'secure_mode=yes',
    `uuid=00000000-0000-4000-8000-${number}`,
    `min_lifetime=${minLifetimeSeconds}`,
    `max_lifetime=${maxLifetimeSeconds}`,
    `allow 1024-65535 ${network.lan} 1024-65535`,
    'deny 0-65535 0.0.0.0/0 0-65535',
  ];
  return lines.map((line) => `${line}\n`).join('');
}
