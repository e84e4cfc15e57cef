/** A socket in the wall of a LAN. */
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  type IpFamily,
} from '@warren/core/ip/address';
import type { Datagram } from './datagram.js';
import type { Uplink } from './internet.js';
import type { LanHttpOutcome, LanHttpRequest } from './lan-http.js';
import type { Plug } from './plug.js';

/** What a socket in the wall needs of its router. */
export interface LanRouter {
  readonly uplink: Uplink;
  readonly epoch: number;
  readonly hasNat64: boolean;
  readonly gateways: readonly IpAddress[];
  fromHost(datagram: Datagram): void;
  http(
    client: IpAddress,
    port: number,
    request: LanHttpRequest,
    done: (outcome: LanHttpOutcome) => void,
  ): void;
  renumber(address: IpAddress): void;
}

export class LanPlug implements Plug {
  readonly addresses: readonly IpAddress[];
  receive: ((datagram: Datagram) => void) | undefined;
  readonly #router: LanRouter;

  constructor(router: LanRouter, addresses: readonly IpAddress[]) {
    this.#router = router;
    this.addresses = addresses;
  }

  get uplink(): Uplink {
    return this.#router.uplink;
  }

  get epoch(): number {
    return this.#router.epoch;
  }

  get hasNat64(): boolean {
    return this.#router.hasNat64;
  }

  sourceFor(family: IpFamily): IpAddress | undefined {
    return this.addresses.find((address) => familyOf(address) === family);
  }

  gateway(family: IpFamily): IpAddress | undefined {
    if (this.sourceFor(family) === undefined) return undefined;
    return this.#router.gateways.find((address) => familyOf(address) === family);
  }

  send(datagram: Datagram): void {
    this.#router.fromHost(datagram);
  }

  http(host: Endpoint, request: LanHttpRequest, done: (outcome: LanHttpOutcome) => void): void {
    const client = this.sourceFor(familyOf(endpointAddress(host)));
    if (client === undefined || this.gateway(4) !== endpointAddress(host)) return;
    this.#router.http(client, endpointPort(host), request, done);
  }

  renumber(address: IpAddress): void {
    this.#router.renumber(address);
  }
}
