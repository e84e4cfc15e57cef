/** The single fixes, in words and in codes. */
import { endpointAddress, familyOf } from '../ip/address.js';
import type { SideFacts } from './facts.js';
import type { DirectMethod, Fix, Side } from './verdict.js';

/** Where a node listens unless told otherwise. */
const portText = 'its UDP port (41641 unless set otherwise)';

function whose({ side, name }: SideFacts): string {
  return side === 'self' ? 'this machine' : name;
}

/** By which way strangers get to a side that is reachable. */
export function ways({ mapped, nat, reachable }: SideFacts): DirectMethod {
  const proven = reachable.find((endpoint) => endpoint !== mapped);
  if (mapped !== undefined && reachable.includes(mapped)) return 'portmap';
  if (nat?.class === 'none') return nat.ipv4.mapping === 'none' ? 'open' : 'punch';
  if (proven !== undefined && familyOf(endpointAddress(proven)) === 6) return 'ipv6';
  return proven === undefined ? 'punch' : 'static';
}

export function enablePortMapping(of: SideFacts): Fix {
  return {
    code: 'enable-port-mapping',
    do: `Switch on UPnP, NAT-PMP or PCP at the router of ${whose(of)}.`,
    effect: 'portmap',
    where: of.side,
  };
}

/** One of the two is enough, and nobody knows which. */
export function enablePortMappings(self: SideFacts, peer: SideFacts): Fix {
  return {
    code: 'enable-port-mapping',
    do: `Switch on UPnP, NAT-PMP or PCP at the router of ${whose(self)}, and at that of ${whose(peer)} if that does not help: a carrier's NAT may stand before one of them.`,
    effect: 'portmap',
    where: 'both',
  };
}

export function forwardPort(of: SideFacts): Fix {
  return {
    code: 'forward-port',
    do: `Forward a UDP port of the router of ${whose(of)} to ${portText}, and name it there with --static-endpoint ADDRESS:PORT.`,
    effect: 'static',
    where: of.side,
  };
}

export function openFirewall(of: SideFacts): Fix {
  return {
    code: 'open-firewall',
    do: `Let UDP in at the firewall of ${whose(of)}, to ${portText}.`,
    effect: 'open',
    where: of.side,
  };
}

export function allowUdp(of: SideFacts, effect: DirectMethod): Fix {
  return {
    code: 'allow-udp',
    do: `Let UDP out, and its answers in, at the firewall of ${whose(of)}.`,
    effect,
    where: of.side,
  };
}

export function allowUdpAndForward(
  of: SideFacts,
  effect: DirectMethod,
  where: Side | 'both' = of.side,
): Fix {
  const named = 'and name it there with --static-endpoint ADDRESS:PORT';
  return {
    code: 'allow-udp-and-forward',
    do:
      where === 'both'
        ? `Let UDP out at the firewalls of both, forward a UDP port of one of them to ${portText}, ${named}.`
        : `Let UDP out at the firewall of ${whose(of)}, forward a UDP port to ${portText}, ${named}.`,
    effect,
    where,
  };
}

/** Towards a machine without IPv4. */
export function allowUdpAndIpv6(of: SideFacts): Fix {
  return {
    code: 'allow-udp-and-ipv6',
    do: `Let UDP out at the firewall of ${whose(of)}, and give it IPv6: the other has nothing else.`,
    effect: 'ipv6',
    where: of.side,
  };
}

/** IPv6 at the sides that lack it. */
export function enableIpv6(lacking: readonly SideFacts[]): Fix {
  const [first] = lacking;
  const isOne = lacking.length === 1 && first !== undefined;
  return {
    code: 'enable-ipv6',
    do: isOne
      ? `Give ${whose(first)} IPv6: its router, or its provider, has to hand it on.`
      : 'Give both machines IPv6: their routers, or their providers, have to hand it on.',
    effect: 'ipv6',
    where: isOne ? first.side : 'both',
  };
}

export function endpointIndependentNat(of: SideFacts): Fix {
  return {
    code: 'endpoint-independent-nat',
    do: `Let the NAT of ${whose(of)} keep one port for all destinations: "endpoint-independent mapping" or "static port" at firewalls and cloud gateways, a NAT instance in place of a NAT gateway.`,
    effect: 'punch',
    where: of.side,
  };
}

export function repairPortMapping(of: SideFacts): Fix {
  return {
    code: 'repair-port-mapping',
    do: `Find out why what the router of ${whose(of)} maps lets nobody in: restart it, renew its firmware, or take the port out of its other rules.`,
    effect: 'portmap',
    where: of.side,
  };
}

export function repairStaticEndpoint(of: SideFacts): Fix {
  return {
    code: 'repair-static-endpoint',
    do: `Let what is sent to the static endpoint of ${whose(of)} arrive at ${portText}: check the forwarding rule, the balancer and the security group.`,
    effect: 'static',
    where: of.side,
  };
}
