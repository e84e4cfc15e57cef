/** What tells PCP from NAT-PMP for the machine that speaks both (gateway-client.ts): their packets, in its words. */
import type { DecodeFailure } from '../base/failure.js';
import type { IpAddress } from '../ip/address.js';
import type { EpochRule } from './epoch.js';
import type { RememberedMapping } from './io.js';

/** A mapping to ask for, to renew or to delete. */
export interface Ticket {
  readonly internalPort: number;
  /** To suggest; 0: any. */
  readonly externalPort: number;
  readonly externalAddress: IpAddress | undefined;
  /** PCP: 12 bytes. */
  readonly nonce: Uint8Array | undefined;
}

/** What a datagram of the server says. Tickets are named by {@link Dialect.keyOf}. */
export type ServerAnswer =
  /** The service is there; NAT-PMP also tells the external address. Announcements look the same. */
  | {
      readonly type: 'presence';
      readonly epochSeconds: number;
      readonly address?: IpAddress;
    }
  | {
      readonly type: 'mapping';
      readonly ticket: string;
      readonly epochSeconds: number;
      readonly externalPort: number;
      readonly address: IpAddress | undefined;
      readonly lifetimeSeconds: number;
    }
  | {
      readonly type: 'error';
      /** What was refused; `any`: the server can't speak this protocol at all. */
      readonly of: 'probe' | 'mapping' | 'any';
      /** Undefined: the server doesn't say which mapping. */
      readonly ticket: string | undefined;
      /** For people. */
      readonly words: string;
      readonly retryAfterMs: number;
    };

export interface Dialect {
  readonly protocol: 'pcp' | 'natpmp';
  readonly epochRule: EpochRule;
  /** Asks whether the service is there. */
  probe(self: IpAddress): Uint8Array;
  /** For a new mapping. */
  newTicket(internalPort: number, externalPort: number): Ticket;
  /** For one of an earlier run; undefined: it lacks what is needed. */
  rememberedTicket(mapping: RememberedMapping): Ticket | undefined;
  keyOf(ticket: Ticket): string;
  request(self: IpAddress, ticket: Ticket, lifetimeSeconds: number): Uint8Array;
  deletion(self: IpAddress, ticket: Ticket): Uint8Array;
  decode(bytes: Uint8Array): ServerAnswer | DecodeFailure;
}
