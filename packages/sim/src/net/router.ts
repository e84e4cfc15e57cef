/**
 * A router between a LAN and whatever its outer side is plugged into: the internet, or a carrier's LAN.
 *
 *     host --LAN--> host           same prefix
 *     host --LAN--> router         its own services: port mapping
 *     host --NAT--> outside        IPv4, also for hosts that write it as 64:ff9b::a.b.c.d
 *     host -------> outside        IPv6, perhaps through a firewall
 *     host --NAT--> NAT --> host   the router's own address: hairpin, where it does that
 */
import {
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import type { Balancer } from '../nat/balancer.js';
import { BanList } from '../nat/ban-list.js';
import type { Nat } from '../nat/nat.js';
import {
  ANNOUNCEMENTS,
  type PortMappingServer,
  ROUTER_PORT,
  SSDP_PORT,
} from '../servers/port-mapping/port-mapping-server.js';
import type { NativeIpv6, Network } from '../topology/types.js';
import { type Datagram, DEFAULT_HOPS, passedOn } from './datagram.js';
import type { Uplink } from './internet.js';
import { Ipv4Forwarding } from './ipv4-forwarding.js';
import { Ipv6Forwarding } from './ipv6-forwarding.js';
import type { Lan } from './lan.js';
import type { LanHttpOutcome, LanHttpRequest } from './lan-http.js';
import { LanPlug, type LanRouter } from './lan-plug.js';
import { extractIpv4 } from './nat64.js';
import type { Plug } from './plug.js';

/** One way within a LAN, a switch and a cable. */
const LAN_MS = 0.2;
/** Until a small router's servers have thought about a question. */
const SERVICE_MS = 2;
/** Answers to searches come within the time that was given for them (MX); miniupnpd took 0.1 to 0.9 s. */
const SEARCH_MS = 500;
/** Until a router that was switched off and on tells everybody so. */
const BOOT_MS = 1000;

export interface RouterOptions {
  readonly name: string;
  readonly lan: Lan;
  /** Its outer side. */
  readonly wan: Plug;
  readonly nat: Nat;
  readonly balancers: readonly Balancer[];
  readonly ipv6?: NativeIpv6 | undefined;
  readonly nat64?: boolean;
  readonly portMapping?: PortMappingServer | undefined;
  /** What is done about UDP that comes unasked. */
  readonly unasked?: Pick<Network, 'rejects' | 'bansAfter'>;
  readonly clock: SimClock;
  readonly trace: Trace;
}

export class Router implements LanRouter {
  readonly nat: Nat;
  readonly portMapping: PortMappingServer | undefined;
  readonly hasNat64: boolean;
  readonly #options: RouterOptions;
  readonly #ipv4: Ipv4Forwarding;
  readonly #ipv6: Ipv6Forwarding | undefined;
  readonly #bans: BanList | undefined;
  #epoch = 0;

  constructor(options: RouterOptions) {
    const { nat, wan, balancers, ipv6, portMapping, nat64 = false, unasked } = options;
    this.#options = options;
    this.nat = nat;
    this.portMapping = portMapping;
    this.hasNat64 = nat64;
    if (unasked?.bansAfter !== undefined) this.#bans = new BanList(unasked.bansAfter);
    const outside = (): readonly IpAddress[] => outerAddresses(options);
    this.#ipv4 = new Ipv4Forwarding({ nat, balancers, outside });
    if (ipv6 !== undefined) {
      const { udp } = nat.behaviour;
      this.#ipv6 = new Ipv6Forwarding({ network: ipv6, udp, mappings: portMapping?.mappings });
    }
    wan.receive = (datagram) => this.#fromOutside(datagram);
  }

  get uplink(): Uplink {
    return this.#options.wan.uplink;
  }

  get epoch(): number {
    return this.#epoch + this.#options.wan.epoch;
  }

  get gateways(): readonly IpAddress[] {
    return this.#options.lan.gateways;
  }

  /** A socket in the wall, for a host or, with the prefixes behind it, for another router. */
  plug(addresses: readonly IpAddress[], routed: readonly Prefix[] = []): Plug {
    const plug = new LanPlug(this, addresses);
    this.#options.lan.add(plug, routed);
    return plug;
  }

  /** Switched off and on: all state is gone, mappings included. */
  reboot(): void {
    const { clock } = this.#options;
    this.#ipv4.reboot();
    this.#ipv6?.reboot();
    this.#bans?.reboot();
    this.#epoch++;
    this.portMapping?.reboot(clock.now);
    const epoch = this.#epoch;
    if (this.portMapping === undefined) return;
    clock.later(BOOT_MS, () => {
      if (this.#epoch === epoch) this.#announce();
    });
  }

  /** The provider hands out another public address. */
  renumber(address: IpAddress): void {
    this.#options.wan.renumber(address);
    this.reboot();
  }

  fromHost(datagram: Datagram): void {
    const { lan, wan, clock } = this.#options;
    if (lan.contains(endpointAddress(datagram.target))) {
      clock.later(LAN_MS, () => this.#inside(datagram));
      return;
    }
    // As in Linux, what dies here has begun no flow.
    const passed = passedOn(datagram);
    const leaving = passed === undefined ? 'hops' : this.#outward(passed);
    if (typeof leaving === 'string') this.#drop(leaving, datagram);
    else if (!wan.addresses.includes(endpointAddress(leaving.target))) wan.send(leaving);
    else if (this.nat.behaviour.hairpin) clock.later(LAN_MS, () => this.#inward(leaving));
    else this.#drop('no-hairpin', datagram);
  }

  /** An HTTP request of a host to the router itself. */
  http(
    client: IpAddress,
    port: number,
    request: LanHttpRequest,
    done: (outcome: LanHttpOutcome) => void,
  ): void {
    const { clock } = this.#options;
    // A round trip for the connection, then the request.
    clock.later(3 * LAN_MS + SERVICE_MS, () => {
      const answer = this.portMapping?.http(client, port, request, clock.now);
      clock.later(LAN_MS, () => done(answer ?? { failed: 'ECONNREFUSED' }));
    });
  }

  #outward(datagram: Datagram): Datagram | string {
    const { now } = this.#options.clock;
    const address = endpointAddress(datagram.target);
    if (familyOf(address) === 4) return this.#ipv4.outbound(datagram, datagram.target, now);
    const ipv4 = this.hasNat64 ? extractIpv4(address) : undefined;
    if (ipv4 !== undefined) {
      const target = endpoint(ipv4, endpointPort(datagram.target));
      return this.#ipv4.outbound(datagram, target, now);
    }
    return this.#ipv6?.outbound(datagram, now) ?? 'no-ipv6';
  }

  #fromOutside(datagram: Datagram): void {
    const isBanned = this.#bans?.isBanned(
      endpointAddress(datagram.source),
      this.#options.clock.now,
    );
    const passed = passedOn(datagram);
    if (isBanned === true) this.#drop('banned', datagram);
    else if (passed === undefined) this.#drop('hops', datagram);
    else this.#inward(passed);
  }

  #inward(datagram: Datagram): void {
    const { clock, lan } = this.#options;
    const isIpv4 = familyOf(endpointAddress(datagram.target)) === 4;
    const arriving = isIpv4
      ? this.#ipv4.inbound(datagram, clock.now)
      : (this.#ipv6?.inbound(datagram, clock.now) ?? 'no-ipv6');
    if (arriving === 'filtered') this.#unasked(datagram);
    else if (typeof arriving === 'string') this.#drop(arriving, datagram);
    else lan.deliver(arriving);
  }

  /**
   * An ICMP error is nothing that anybody notices: NATs keep their flow (RFC 4787 REQ-12), and a socket that is not
   * connected hears of none.
   */
  #unasked(datagram: Datagram): void {
    const { clock, unasked } = this.#options;
    this.#bans?.knocked(endpointAddress(datagram.source), clock.now);
    this.#drop(unasked?.rejects === true ? 'rejected' : 'filtered', datagram);
  }

  /** From the LAN to somebody in it. */
  #inside(datagram: Datagram): void {
    const { lan, clock, name } = this.#options;
    const address = endpointAddress(datagram.target);
    if (!lan.isRouters(address)) {
      lan.deliver(datagram);
      return;
    }
    const { source, target, bytes } = datagram;
    const answers = this.portMapping?.answers(source, target, bytes, clock.now) ?? [];
    const own = lan.gateways.find((gateway) => familyOf(gateway) === familyOf(address));
    if (own === undefined) return;
    const from = endpoint(own, endpointPort(target));
    const thoughtMs = endpointPort(target) === SSDP_PORT ? SEARCH_MS : SERVICE_MS;
    for (const answer of answers) {
      clock.later(thoughtMs + LAN_MS, () =>
        lan.deliver({
          source: from,
          target: source,
          bytes: answer,
          hops: DEFAULT_HOPS,
          origin: name,
        }),
      );
    }
  }

  #announce(): void {
    const { lan, clock, name } = this.#options;
    const own = lan.gateways.find((gateway) => familyOf(gateway) === 4);
    if (own === undefined) return;
    const source = endpoint(own, ROUTER_PORT);
    for (const bytes of this.portMapping?.announcements(clock.now) ?? []) {
      lan.deliver({ source, target: ANNOUNCEMENTS, bytes, hops: DEFAULT_HOPS, origin: name });
    }
  }

  #drop(reason: string, { source, target, bytes }: Datagram): void {
    this.#options.trace.note('drop', reason, this.#options.name, source, target, bytes);
  }
}

/** The first, and where the NAT has a pool the others too, but for those of balancers. */
function outerAddresses({ nat, wan, balancers }: RouterOptions): readonly IpAddress[] {
  const first = wan.sourceFor(4);
  if (first === undefined) return [];
  if (!nat.behaviour.pooled) return [first];
  const taken = balancers.map(({ outer }) => endpointAddress(outer));
  return wan.addresses.filter((own) => familyOf(own) === 4 && !taken.includes(own));
}
