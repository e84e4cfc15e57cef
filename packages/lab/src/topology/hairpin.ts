/**
 * Hairpin (RFC 4787 §6), as nftables text: what a machine sends to an outer endpoint of its own router comes
 * back in, from the outer endpoint of the sender, through the same mappings and the same filter as if it had
 * come from outside.
 *
 *     a ── owners: whose port is that? ── outsides: which is the sender's? ── asked: may it come in? ── b
 *
 * Linux knows none of this for mappings that traffic made, so outbound flows teach it, as with cones. A NAT
 * whose mapping depends on the destination has nothing to teach: its filter would let none of it in.
 */
import type { IpAddress } from '@warren/core/ip/address';
import type { NatProfile } from '@warren/sim/topology/types';
import { ENTRY_LIFETIME_SECONDS } from './nat-cone.js';
import { OTHER_PORTS, SMALL_RANGE } from './nat-translation.js';

/** How a profile maps a flow that it sees for the first time, and what its filter looks at. */
interface HairpinProfile {
  readonly ports: string;
  readonly filter: 'none' | 'address' | 'endpoint';
}

const profiles: Partial<Readonly<Record<NatProfile, HairpinProfile>>> = {
  easy: { ports: '', filter: 'endpoint' },
  'easy-range': { ports: `:${SMALL_RANGE}`, filter: 'endpoint' },
  'full-cone': { ports: '', filter: 'none' },
  'restricted-cone': { ports: '', filter: 'address' },
  'cone-other-ports': { ports: `:${OTHER_PORTS}`, filter: 'none' },
  'one-to-one': { ports: '', filter: 'none' },
  'one-to-one-firewalled': { ports: '', filter: 'endpoint' },
};

/** Drops what the receiver has not asked for, by its own endpoint and what it has sent to. */
const filters: Readonly<Record<HairpinProfile['filter'], string>> = {
  none: '',
  address: 'ip daddr . udp dport != @asked-addresses drop',
  endpoint: 'ip daddr . udp dport . udp sport != @asked drop',
};

const dynamic = `flags dynamic,timeout
    timeout ${ENTRY_LIFETIME_SECONDS}s
    size 65535`;

/** The tables of a router that does it; `outside` is the address of its NAT. */
export function hairpinRules(nat: NatProfile, outside: IpAddress): string {
  const profile = profiles[nat];
  if (profile === undefined) return '';
  const filter = filters[profile.filter];
  const inside = 'iifname "br0" oifname "br0" meta l4proto udp';
  return `
table ip hairpin {
  map owners {
    type inet_service : ipv4_addr . inet_service
    ${dynamic}
  }
  map outsides {
    type ipv4_addr . inet_service : ipv4_addr . inet_service
    ${dynamic}
  }
  set asked {
    type ipv4_addr . inet_service . inet_service
    ${dynamic}
  }
  set asked-addresses {
    type ipv4_addr . inet_service
    ${dynamic}
  }
  chain ask {
    type filter hook prerouting priority mangle; policy accept;
    iifname "br0" ip daddr ${outside} update @asked { ip saddr . udp sport . udp dport } update @asked-addresses { ip saddr . udp sport }
  }
  chain pre {
    type nat hook prerouting priority dstnat + 5; policy accept;
    iifname "br0" ip daddr ${outside} meta l4proto udp dnat ip to udp dport map @owners
  }
  chain unowned {
    type filter hook input priority filter - 5; policy accept;
    iifname "br0" ip daddr ${outside} meta l4proto udp drop
  }
  chain post {
    type nat hook postrouting priority srcnat - 10; policy accept;
    ${inside} ct status dnat snat ip to ip saddr . udp sport map @outsides
    ${inside} ct status dnat snat to ${outside}${profile.ports}
  }
  chain permit {
    type filter hook postrouting priority srcnat + 40; policy accept;
    ${filter === '' ? '' : `${inside} ct status dnat ct direction original ${filter}`}
  }
  chain learn {
    type filter hook postrouting priority srcnat + 50; policy accept;
    ip saddr ${outside} ct direction original update @owners { udp sport : ct original ip saddr . ct original proto-src } update @outsides { ct original ip saddr . ct original proto-src : ip saddr . udp sport }
  }
}
`;
}
