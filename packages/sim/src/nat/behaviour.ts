/**
 * A NAT as RFC 4787 describes one: mapping x filtering x port allocation x lifetime x table size x hairpin.
 * Everything is data; nat.ts carries it out, profiles.ts names the usual ones.
 */

/** Which flows of one inner endpoint share an outer port. */
export type Dependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** How an outer port is chosen for a new mapping. */
export type PortAllocation =
  /** The inner port if it is free, else a random one (what Linux' plain masquerade does). */
  | { readonly kind: 'preserving' }
  /** Any free port of the range, never the inner one by intention; `parity`: an even one for an even one. */
  | {
      readonly kind: 'random';
      readonly low: number;
      readonly high: number;
      readonly parity?: boolean;
    }
  /** One after the other, from the beginning again at the end. */
  | { readonly kind: 'sequential'; readonly low: number; readonly high: number };

/** How long an idle flow is remembered. Packets of either direction keep it. */
export interface FlowLifetime {
  /** Nothing came back yet. */
  readonly freshMs: number;
  readonly repliedMs: number;
}

export interface NatBehaviour {
  readonly mapping: Dependence;
  /** Who may send to a mapped port: everybody, addresses, or endpoints that it has sent to. */
  readonly filtering: Dependence;
  readonly ports: PortAllocation;
  /** A new flow leaves from any of the router's addresses (RFC 4787 section 4.1: arbitrary pooling). */
  readonly pooled: boolean;
  readonly lifetime: FlowLifetime;
  /** Flows that fit; further ones are dropped until others expire. */
  readonly flowsMax: number;
  /** Hosts of one LAN reach each other by their outer addresses. */
  readonly hairpin: boolean;
  /** The only host of the LAN gets whatever arrives unasked, at every port (an elastic IP). */
  readonly exposed: boolean;
  /** False: no UDP passes in either direction. */
  readonly udp: boolean;
}
