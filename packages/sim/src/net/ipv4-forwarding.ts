/**
 * What a router does with IPv4 between its two sides: translation, with load balancers beside the NAT. For
 * hosts that have IPv6 alone the same NAT speaks IPv4 in their place (NAT64, RFC 6146).
 *
 * A packet that doesn't pass becomes the reason why.
 */
import type { Instant } from '@warren/core/base/instant';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import type { Balancer } from '../nat/balancer.js';
import type { Nat } from '../nat/nat.js';
import type { Datagram } from './datagram.js';
import { embedIpv4 } from './nat64.js';

export interface Ipv4ForwardingOptions {
  readonly nat: Nat;
  readonly balancers: readonly Balancer[];
  /** The NAT's addresses outside, at present: the first, and where it has a pool the others. */
  readonly outside: () => readonly IpAddress[];
}

export class Ipv4Forwarding {
  readonly #options: Ipv4ForwardingOptions;

  constructor(options: Ipv4ForwardingOptions) {
    this.#options = options;
  }

  /** `target` is the IPv4 endpoint that the datagram is really for. */
  outbound(datagram: Datagram, target: Endpoint, now: Instant): Datagram | string {
    const { nat, balancers, outside } = this.#options;
    const { source } = datagram;
    if (!nat.behaviour.udp) return 'no-udp';
    const balancer = balancers.find((candidate) => candidate.claims(source, target, now));
    if (balancer !== undefined) return { ...datagram, source: balancer.outer, target };
    const addresses = outside();
    const leaving = addresses.length === 0 ? undefined : nat.outbound(source, target, now);
    const address = leaving && addresses[leaving.place];
    if (address === undefined || leaving === undefined) return 'nat-full';
    return { ...datagram, source: endpoint(address, leaving.port), target: leaving.remote };
  }

  inbound(datagram: Datagram, now: Instant): Datagram | string {
    const { nat, balancers, outside } = this.#options;
    const { source, target } = datagram;
    const balancer = balancers.find(({ outer }) => outer === target);
    if (balancer !== undefined) return { ...datagram, target: balancer.inbound(source, now) };
    const place = nat.behaviour.udp ? outside().indexOf(endpointAddress(target)) : -1;
    if (place < 0) return 'filtered';
    const arriving = nat.inbound(endpointPort(target), source, now, place);
    if (arriving === undefined) return 'filtered';
    const isIpv6 = familyOf(endpointAddress(arriving.inner)) === 6;
    const seen = isIpv6 ? embedIpv4(arriving.source) : arriving.source;
    return { ...datagram, source: seen, target: arriving.inner };
  }

  reboot(): void {
    this.#options.nat.reboot();
    for (const balancer of this.#options.balancers) balancer.reboot();
  }
}
