/**
 * A host on the open internet, with or without a stateful firewall of its own; or a router, with the prefix of
 * its LAN routed to it.
 */
import { endpointAddress, familyOf, type IpAddress, type IpFamily } from '@warren/core/ip/address';
import { type Prefix, prefixContains } from '@warren/core/ip/prefix';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import { StatefulFirewall } from '../nat/firewall.js';
import type { Datagram } from './datagram.js';
import { goodLine, type Internet, type Uplink } from './internet.js';
import type { Plug } from './plug.js';

export interface PublicPlugOptions {
  readonly name: string;
  readonly region: string;
  readonly accessMs: number;
  readonly addresses: readonly IpAddress[];
  readonly firewalled: boolean;
  /** Prefixes behind it. */
  readonly routed?: readonly Prefix[];
  readonly clock: SimClock;
  readonly internet: Internet;
  readonly trace: Trace;
}

export class PublicPlug implements Plug {
  readonly uplink: Uplink;
  receive: ((datagram: Datagram) => void) | undefined;
  readonly #options: PublicPlugOptions;
  readonly #firewall: StatefulFirewall | undefined;
  #epoch = 0;

  constructor(options: PublicPlugOptions) {
    const { name, region, accessMs, addresses, routed = [] } = options;
    this.#options = options;
    this.#firewall = options.firewalled ? new StatefulFirewall() : undefined;
    this.uplink = {
      name,
      region,
      accessMs,
      addresses,
      routed,
      quality: goodLine(),
      receive: (datagram) => this.#receive(datagram),
    };
    options.internet.attach(this.uplink);
  }

  get addresses(): readonly IpAddress[] {
    return this.uplink.addresses;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get hasNat64(): boolean {
    return false;
  }

  sourceFor(family: IpFamily): IpAddress | undefined {
    return this.addresses.find((address) => familyOf(address) === family);
  }

  /** Whatever the provider has there does not answer. */
  gateway(): undefined {
    return undefined;
  }

  http(): void {
    // Nobody is on this LAN.
  }

  send(datagram: Datagram): void {
    const { clock, internet } = this.#options;
    this.#firewall?.outbound(datagram.source, datagram.target, clock.now);
    internet.send(this.uplink, datagram);
  }

  /** The provider hands out another IPv4 address. */
  renumber(address: IpAddress): void {
    const { internet } = this.#options;
    internet.detach(this.uplink);
    const others = this.uplink.addresses.filter((own) => own !== this.sourceFor(4));
    this.uplink.addresses = [address, ...others];
    internet.attach(this.uplink);
    this.#epoch++;
  }

  /** The firewall forgets its flows, and the streams through it. */
  reboot(): void {
    if (this.#firewall === undefined) return;
    this.#firewall.reboot();
    this.#epoch++;
  }

  #receive(datagram: Datagram): void {
    const { clock, trace } = this.#options;
    const { source, target, bytes } = datagram;
    if (this.#firewall?.admits(target, source, clock.now) === false) {
      trace.note('drop', 'firewall', source, target, bytes);
      return;
    }
    const address = endpointAddress(target);
    const isOurs =
      this.addresses.includes(address) ||
      this.uplink.routed.some((prefix) => prefixContains(prefix, address));
    if (isOurs) this.receive?.(datagram);
  }
}
