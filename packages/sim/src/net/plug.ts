/**
 * Where a host's cable goes: straight to the internet, or into the LAN of a router. A host that roams pulls
 * its cable out of one plug and into another.
 */
import type { IpAddress, IpFamily } from '@warren/core/ip/address';
import type { Datagram } from './datagram.js';
import type { Uplink } from './internet.js';

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
  /** The source of what the host sends by itself; undefined: it has no address of this family. */
  sourceFor(family: IpFamily): IpAddress | undefined;
  send(datagram: Datagram): void;
  /** The host's ears; undefined: nobody is plugged in. */
  receive: ((datagram: Datagram) => void) | undefined;
}
