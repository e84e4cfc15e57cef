/**
 * A UDP load balancer beside a NAT, as nftables text: what reaches its address goes to one machine with the
 * sender's address kept, and the answers leave from the balancer's address again, whatever the NAT does with
 * the machine's own flows.
 *
 *     peer ── balancer:port ──┐
 *                              ├── machine:port     answers: back by the way the question came
 *     peer ── NAT ────────────┘                     own flows: through the NAT
 *
 * The balancer's flows live in a conntrack zone of their own. In one zone with the NAT's, a machine that has
 * already sent to a peer by itself would collide with the peer's packet to the balancer, and conntrack would
 * change the *peer's* port.
 */
import { assert } from '@warren/core/base/assert';
import type { IpAddress } from '@warren/core/ip/address';
import type { UdpBalancer } from '@warren/sim/topology/types';

/**
 * A flow without packets for so long is over: the machine's next packet to that peer leaves through the NAT.
 * Shorter than conntrack's 30 s for unreplied UDP, so no flow is remembered here that conntrack forgot.
 */
const flowLifetimeSeconds = 25;

/** Conntrack zone of the first balancer; 0 is everything else's. */
const firstZone = 1;

/** The tables of a network's balancers; `addressOf` gives a machine's address in the LAN. */
export function balancerRules(
  balancers: readonly UdpBalancer[],
  addressOf: (machine: string) => IpAddress | undefined,
): string {
  return balancers
    .map((balancer, index) => {
      const machine = addressOf(balancer.machine);
      assert(machine !== undefined, `${balancer.machine} has an address`);
      return rulesOf(balancer, machine, firstZone + index);
    })
    .join('');
}

function rulesOf({ address, port }: UdpBalancer, machine: IpAddress, zone: number): string {
  const inbound = `iifname "wan" ip daddr ${address} udp dport ${port}`;
  const answers = `iifname "br0" ip saddr ${machine} udp sport ${port} ip daddr . udp dport @flows`;
  return `
table ip balancer${zone} {
  set flows {
    type ipv4_addr . inet_service
    flags dynamic,timeout
    timeout ${flowLifetimeSeconds}s
    size 65535
  }
  chain zones {
    type filter hook prerouting priority raw; policy accept;
    ${inbound} update @flows { ip saddr . udp sport } ct zone set ${zone}
    ${answers} update @flows { ip daddr . udp dport } ct zone set ${zone}
  }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    ${inbound} dnat to ${machine}:${port}
  }
}
`;
}
