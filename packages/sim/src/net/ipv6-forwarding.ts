/**
 * What a router does with native IPv6: no translation, with or without a stateful firewall. Pinholes of a port
 * mapping server let strangers through it.
 */
import type { Instant } from '@warren/core/base/instant';
import { endpointAddress } from '@warren/core/ip/address';
import { prefixContains } from '@warren/core/ip/prefix';
import { StatefulFirewall } from '../nat/firewall.js';
import type { PortMappings } from '../nat/port-mappings.js';
import type { NativeIpv6 } from '../topology/types.js';
import type { Datagram } from './datagram.js';

export interface Ipv6ForwardingOptions {
  readonly network: NativeIpv6;
  /** False: no UDP passes. */
  readonly udp: boolean;
  readonly mappings: PortMappings | undefined;
}

export class Ipv6Forwarding {
  readonly #options: Ipv6ForwardingOptions;
  readonly #firewall: StatefulFirewall | undefined;

  constructor(options: Ipv6ForwardingOptions) {
    this.#options = options;
    this.#firewall = options.network.firewalled ? new StatefulFirewall() : undefined;
  }

  outbound(datagram: Datagram, now: Instant): Datagram | string {
    const { network, udp } = this.#options;
    const { source, target } = datagram;
    if (!udp) return 'no-udp';
    if (!prefixContains(network.lan, endpointAddress(source))) return 'no-ipv6';
    this.#firewall?.outbound(source, target, now);
    return datagram;
  }

  inbound(datagram: Datagram, now: Instant): Datagram | string {
    const { udp, mappings } = this.#options;
    const { source, target } = datagram;
    if (!udp) return 'no-udp';
    const isAdmitted =
      this.#firewall === undefined ||
      this.#firewall.admits(target, source, now) ||
      mappings?.admits(target, now) === true;
    return isAdmitted ? datagram : 'firewall';
  }

  reboot(): void {
    this.#firewall?.reboot();
  }
}
