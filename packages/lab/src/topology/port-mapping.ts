/**
 * A real port mapping server (UPnP IGD, NAT-PMP and PCP) on routers: miniupnpd's configuration and the
 * nftables chains it fills. Pure; `world/port-mapping-server.ts` starts it.
 */
import type { Network } from '@warren/sim/topology/types';

/** TCP port of its UPnP descriptions. */
const descriptionPort = 5000;

/** Lifetimes that it grants, in seconds: from the two minutes of RFC 6886 to a day. */
const minLifetimeSeconds = 120;
const maxLifetimeSeconds = 86_400;

/** Its chains. That of the forwards needs no hook: the router's firewall accepts `ct status dnat`. */
export const portMappingRules = `
table inet miniupnpd {
  chain upnp_fwd { }
  chain upnp_pre { }
  chain upnp_post { }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump upnp_pre
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 5; policy accept;
    jump upnp_post
  }
}
`;

/** Its configuration file for a router; `index` makes its UUID its own. */
export function portMappingConfig(network: Network, index: number): string {
  const number = String(index + 1).padStart(12, '0');
  return `ext_ifname=wan
listening_ip=br0
port=${descriptionPort}
enable_natpmp=yes
enable_upnp=yes
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=upnp_fwd
upnp_nat_chain=upnp_pre
upnp_nat_postrouting_chain=upnp_post
secure_mode=yes
uuid=00000000-0000-4000-8000-${number}
min_lifetime=${minLifetimeSeconds}
max_lifetime=${maxLifetimeSeconds}
allow 1024-65535 ${network.lan} 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;
}
