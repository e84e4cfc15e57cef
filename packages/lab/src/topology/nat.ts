/**
 * The nftables text of a NAT router: `wan` is outside, `br0` inside.
 *
 * Input drops what comes unasked from the WAN. Without that, an early punch packet of a peer is confirmed
 * in conntrack as a flow to the router itself; the client's own flow to that peer then collides with it,
 * loses its port, and easy NATs fail to punch.
 */
import { assert } from '@warren/core/base/assert';
import type { NatProfile } from '@warren/sim/topology/types';

const firewall = `
table inet fw {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" icmp type echo-request accept
    iifname "wan" drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "br0" oifname "wan" accept
    ct status dnat accept
  }
}
`;

function masquerade(options: string): string {
  return `
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade ${options}
  }
}
`;
}

/**
 * A cone: outbound flows teach a map who owns a port, and inbound packets to a known port are sent to its
 * owner. With `restricted` only those from an address that the port has sent to. Entries live as long as
 * conntrack's own unreplied UDP flows (30 s).
 */
function cone(restricted: boolean): string {
  const known = restricted ? 'udp dport . ip saddr @adf' : '';
  return `
table ip nat {
  map owners {
    type inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 30s
    size 65535
  }
  set adf {
    type inet_service . ipv4_addr
    flags dynamic,timeout
    timeout 30s
    size 65535
  }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wan" meta l4proto udp ${known} dnat ip to udp dport map @owners
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade
  }
  chain learn {
    type filter hook postrouting priority srcnat + 50; policy accept;
    oifname "wan" meta l4proto udp ct direction original update @owners { udp sport : ct original ip saddr . ct original proto-src }
    oifname "wan" meta l4proto udp update @adf { udp sport . ip daddr }
  }
}
`;
}

function translation(profile: NatProfile): string {
  switch (profile) {
    case 'easy':
      return masquerade('');
    case 'hard':
      return masquerade('fully-random');
    case 'full-cone':
      return cone(false);
    case 'restricted-cone':
      return cone(true);
    default:
      assert(false, `no rules for ${profile}`);
  }
}

/** What `nft -f` of a router takes. */
export function natRules(profile: NatProfile): string {
  return firewall + translation(profile);
}
