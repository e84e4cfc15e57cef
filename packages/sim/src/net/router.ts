/**
 * A router with a LAN behind a NAT (and perhaps a load balancer beside it):
 *
 *     host --LAN--> host           same prefix
 *     host --NAT--> internet       private space doesn't route outside
 *     host --NAT--> NAT --> host   the router's own address: hairpin, where it does that
 */
import { assert } from '@warren/core/base/assert';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  type IpFamily,
} from '@warren/core/ip/address';
import { type Prefix, prefixContains } from '@warren/core/ip/prefix';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import type { Balancer } from '../nat/balancer.js';
import type { Nat } from '../nat/nat.js';
import type { Datagram } from './datagram.js';
import { goodLine, type Internet, type Uplink } from './internet.js';
import type { Plug } from './plug.js';

/** One way within a LAN, a switch and a cable. */
const LAN_MS = 0.2;

export interface RouterOptions {
  readonly name: string;
  readonly region: string;
  readonly accessMs: number;
  readonly addresses: readonly IpAddress[];
  readonly lan: Prefix;
  readonly nat: Nat;
  readonly balancers: readonly Balancer[];
  readonly clock: SimClock;
  readonly internet: Internet;
  readonly trace: Trace;
}

export class Router {
  readonly uplink: Uplink;
  readonly #options: RouterOptions;
  readonly #plugs = new Map<IpAddress, LanPlug>();
  #epoch = 0;

  constructor(options: RouterOptions) {
    const { name, region, accessMs, addresses } = options;
    this.#options = options;
    this.uplink = {
      name,
      region,
      accessMs,
      addresses,
      quality: goodLine(),
      receive: (datagram) => this.#fromInternet(datagram),
    };
    options.internet.attach(this.uplink);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get nat(): Nat {
    return this.#options.nat;
  }

  /** A socket in the wall. */
  plug(address: IpAddress): Plug {
    assert(prefixContains(this.#options.lan, address), `${address} is in the LAN`);
    const plug = new LanPlug(this, address);
    this.#plugs.set(address, plug);
    return plug;
  }

  /** Switched off and on: all state is gone. */
  reboot(): void {
    this.#options.nat.reboot();
    for (const balancer of this.#options.balancers) balancer.reboot();
    this.#epoch++;
  }

  /** The provider hands out another public address. */
  renumber(address: IpAddress): void {
    const { internet } = this.#options;
    internet.detach(this.uplink);
    this.uplink.addresses = [address, ...this.uplink.addresses.slice(1)];
    internet.attach(this.uplink);
    this.reboot();
  }

  fromHost(datagram: Datagram): void {
    const { lan, nat, internet, clock, balancers } = this.#options;
    const { source, target } = datagram;
    const address = endpointAddress(target);
    if (prefixContains(lan, address)) {
      clock.later(LAN_MS, () => this.#toHost(datagram));
      return;
    }
    const refused = familyOf(address) === 6 ? 'no-ipv6' : nat.behaviour.udp ? undefined : 'no-udp';
    const outer = refused === undefined ? this.#translate(source, target, balancers) : undefined;
    if (outer === undefined) {
      this.#drop(refused ?? 'nat-full', datagram);
      return;
    }
    const translated = { ...datagram, source: outer };
    if (!this.uplink.addresses.includes(address)) internet.send(this.uplink, translated);
    else if (nat.behaviour.hairpin) clock.later(LAN_MS, () => this.#fromInternet(translated));
    else this.#drop('no-hairpin', datagram);
  }

  #translate(
    source: Endpoint,
    target: Endpoint,
    balancers: readonly Balancer[],
  ): Endpoint | undefined {
    const { nat, clock } = this.#options;
    const balancer = balancers.find((candidate) => candidate.claims(source, target, clock.now));
    if (balancer !== undefined) return balancer.outer;
    const port = nat.outbound(source, target, clock.now);
    const [address] = this.uplink.addresses;
    return port === undefined || address === undefined ? undefined : endpoint(address, port);
  }

  #fromInternet(datagram: Datagram): void {
    const { nat, clock, balancers } = this.#options;
    const { source, target } = datagram;
    const balancer = balancers.find(({ outer }) => outer === target);
    const isNats = endpointAddress(target) === this.uplink.addresses[0];
    const inner =
      balancer?.inbound(source, clock.now) ??
      (isNats && nat.behaviour.udp
        ? nat.inbound(endpointPort(target), source, clock.now)
        : undefined);
    if (inner === undefined) this.#drop('filtered', datagram);
    else this.#toHost({ ...datagram, target: inner });
  }

  #toHost(datagram: Datagram): void {
    this.#plugs.get(endpointAddress(datagram.target))?.receive?.(datagram);
  }

  #drop(reason: string, { source, target, bytes }: Datagram): void {
    this.#options.trace.note('drop', reason, this.#options.name, source, target, bytes);
  }
}

class LanPlug implements Plug {
  readonly addresses: readonly IpAddress[];
  receive: ((datagram: Datagram) => void) | undefined;
  readonly #router: Router;

  constructor(router: Router, address: IpAddress) {
    this.#router = router;
    this.addresses = [address];
  }

  get uplink(): Uplink {
    return this.#router.uplink;
  }

  get epoch(): number {
    return this.#router.epoch;
  }

  sourceFor(family: IpFamily): IpAddress | undefined {
    return this.addresses.find((address) => familyOf(address) === family);
  }

  send(datagram: Datagram): void {
    this.#router.fromHost(datagram);
  }
}
