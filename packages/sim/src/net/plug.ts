/**
 * Where a host's cable goes: straight to the internet, or into the LAN of a router. A host that roams pulls
 * its cable out of one plug and into another. A router has its outer side in a plug too.
 */
import type { Endpoint, IpAddress, IpFamily } from '@warren/core/ip/address';
import type { Datagram } from './datagram.js';
import type { Uplink } from './internet.js';
import type { LanHttpOutcome, LanHttpRequest } from './lan-http.js';

export interface Plug {
  /** The addresses that the host has here. */
  readonly addresses: readonly IpAddress[];
  /** What the host's traffic leaves over. */
  readonly uplink: Uplink;
  /**
   * Grows when the state of connections is lost on the way (a NAT was restarted, the public address is
   * another one): streams opened before are dead.
   */
  readonly epoch: number;
  /** 64:ff9b::/96 leads to IPv4 from here. */
  readonly hasNat64: boolean;
  /** The source of what the host sends by itself; undefined: it has no address of this family. */
  sourceFor(family: IpFamily): IpAddress | undefined;
  /** The router that the default route names; undefined: a provider's, which nobody talks to. */
  gateway(family: IpFamily): IpAddress | undefined;
  send(datagram: Datagram): void;
  /** A request to somebody on the LAN; `done` is never called when nobody answers. */
  http(host: Endpoint, request: LanHttpRequest, done: (outcome: LanHttpOutcome) => void): void;
  /** The provider hands out another public IPv4 address. */
  renumber(address: IpAddress): void;
  /** The host's ears; undefined: nobody is plugged in. */
  receive: ((datagram: Datagram) => void) | undefined;
}
