/**
 * Cones: NATs whose filter forgets the port or everything (RFC 4787: EIM or ADM with EIF or ADF). Linux itself has
 * only the strictest filter, so outbound flows teach a map who owns a port outside, and what comes in for a
 * known port is sent to its owner.
 */

/** Entries live as long as conntrack's own unreplied UDP flows. */
export const ENTRY_LIFETIME_SECONDS = 30;

export interface Cone {
  /** Statement that translates what leaves. */
  readonly source: string;
  /** Lets in only addresses that the port has sent to (ADF); else everybody (EIF). */
  readonly restricted: boolean;
  /** What the statement goes to. */
  readonly chains?: string;
}

/** The tables of a cone. */
export function coneRules({ source, restricted, chains = '' }: Cone): string {
  const known = restricted ? 'udp dport . ip saddr @adf' : '';
  return `
table ip nat {
  map owners {
    type inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout ${ENTRY_LIFETIME_SECONDS}s
    size 65535
  }
  set adf {
    type inet_service . ipv4_addr
    flags dynamic,timeout
    timeout ${ENTRY_LIFETIME_SECONDS}s
    size 65535
  }${chains}
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wan" meta l4proto udp ${known} dnat ip to udp dport map @owners
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" ${source}
  }
  chain learn {
    type filter hook postrouting priority srcnat + 50; policy accept;
    oifname "wan" meta l4proto udp ct direction original update @owners { udp sport : ct original ip saddr . ct original proto-src }
    oifname "wan" meta l4proto udp update @adf { udp sport . ip daddr }
  }
}
`;
}
