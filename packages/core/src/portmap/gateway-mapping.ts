/**
 * Our one mapping at a server on the gateway's port 5351: what is asked for, what was granted, and the packets that
 * ask for it, renew it and delete it. When they are sent is gateway-client.ts's matter.
 *
 *     begin, wish --> asked for --granted--> granted --wishElsewhere--> asked for --...--> clear
 */
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import type { Dialect, ServerAnswer, Ticket } from './dialect.js';
import type { RememberedMapping } from './io.js';
import { gatewayMapping } from './remembered.js';

/** Asked for; RFC 6886 section 3.3 recommends it. */
const requestedLifetimeSeconds = 7200;

export interface GatewayPlace {
  readonly gateway: IpAddress;
  readonly self: IpAddress;
  readonly internalPort: number;
}

export type Grant = Extract<ServerAnswer, { readonly type: 'mapping' }>;

interface Granted {
  readonly external: Endpoint;
  readonly lifetimeMs: number;
  readonly remember: RememberedMapping;
}

export class GatewayMapping {
  readonly #dialect: Dialect;
  readonly #place: GatewayPlace;
  #ticket: Ticket | undefined;
  /** The ticket is an earlier run's, and the router hasn't said yes to it. */
  #isTakenUp = false;
  #grant: Grant | undefined;

  constructor(dialect: Dialect, place: GatewayPlace) {
    this.#dialect = dialect;
    this.#place = place;
  }

  get self(): IpAddress {
    return this.#place.self;
  }

  /** Names it among the server's answers; undefined: there is none. */
  get key(): string | undefined {
    return this.#ticket === undefined ? undefined : this.#dialect.keyOf(this.#ticket);
  }

  get isGranted(): boolean {
    return this.#grant !== undefined;
  }

  /** Where strangers come to, if the grant says so. */
  get address(): IpAddress | undefined {
    return this.#grant?.address;
  }

  /** The one of an earlier run, or a new one at `externalPort`; 0: any. */
  wish(externalPort: number, remembered: RememberedMapping | undefined): void {
    const old = remembered === undefined ? undefined : this.#dialect.rememberedTicket(remembered);
    this.#isTakenUp = old !== undefined;
    this.#ticket = old ?? this.#dialect.newTicket(this.#place.internalPort, externalPort);
  }

  wishElsewhere(externalPort: number): void {
    this.#grant = undefined;
    this.wish(externalPort, undefined);
  }

  /** The earlier run's is another one's by now, or the server forgot its nonce: a new one then. False: it was none. */
  wishAnew(): boolean {
    if (!this.#isTakenUp) return false;
    this.wishElsewhere(0);
    return true;
  }

  /** Asks for it, or for more of its time; undefined: nothing is wished for. */
  request(): Uint8Array | undefined {
    if (this.#ticket === undefined) return undefined;
    return this.#dialect.request(this.self, this.#ticket, requestedLifetimeSeconds);
  }

  deletion(): Uint8Array | undefined {
    return this.#ticket === undefined ? undefined : this.#dialect.deletion(this.self, this.#ticket);
  }

  granted(grant: Grant): void {
    this.#isTakenUp = false;
    this.#grant = grant;
  }

  /** What was granted, for strangers who come to `address`; it is asked for there from now on. */
  at(address: IpAddress): Granted | undefined {
    const [grant, ticket] = [this.#grant, this.#ticket];
    if (grant === undefined || ticket === undefined) return undefined;
    const { externalPort, lifetimeSeconds } = grant;
    this.#ticket = { ...ticket, externalPort, externalAddress: address };
    const external = endpoint(address, externalPort);
    const { protocol } = this.#dialect;
    const remember = gatewayMapping(protocol, this.#place, external, ticket.nonce);
    return { external, lifetimeMs: lifetimeSeconds * 1000, remember };
  }

  clear(): void {
    this.#ticket = undefined;
    this.#grant = undefined;
    this.#isTakenUp = false;
  }
}
