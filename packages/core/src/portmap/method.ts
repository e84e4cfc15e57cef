/**
 * What PCP, NAT-PMP and UPnP IGD have in common for the port mapper (port-mapper.ts): a machine per protocol and
 * router, which finds the service, makes at most one mapping, keeps it alive and gives it back.
 *
 *     begin --> looking --`found`--> idle --map--> asking --`granted`--> mapped (renews by itself at half its life)
 *                  \--`failed`          ^            \--`failed`            |  the router forgot: asks anew by itself,
 *                                       |                                   |  `granted` again or `failed`
 *                                       +-----------------------------------+
 *     release, in any state --> deletes what there is --> `released`, and nothing any more after it
 *
 * A machine serves one `begin`: another gateway, own address or port needs a new one, while the old one releases.
 * Which protocol maps is the port mapper's choice; a method never maps before it is told to. Retransmission,
 * timeouts of its requests and router quirks are the method's own matter.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { Machine, Random } from '../ports.js';
import type { ToldEpoch } from './gateway-presence.js';
import type { HttpRequest, PortMapProtocol, RememberedMapping } from './io.js';

export interface MethodOptions {
  readonly random: Random;
  /** Shared by all; names begin with `portmap-`. */
  readonly counters: Counters;
  /** Numbers for HTTP requests, unique among all methods of one port mapper. */
  readonly newRequestId: () => number;
}

export type MethodInput =
  /** The first input, once: looks for the service at this router. */
  | {
      readonly type: 'begin';
      readonly gateway: IpAddress;
      readonly self: IpAddress;
      readonly internalPort: number;
    }
  /** A person asks, or the network may have changed: looks again, even if that failed before; answers as `begin`. */
  | { readonly type: 'probe' }
  /**
   * Map now, or as soon as the service is found. Ignored while a mapping stands or is being asked for. After
   * `failed` it is a new attempt.
   */
  | {
      readonly type: 'map';
      /** To ask for; the router may give another one. 0: any. */
      readonly externalPort: number;
      /** An earlier run's mapping of the same gateway, self and internal port, to be taken up if it still stands. */
      readonly remembered: RememberedMapping | undefined;
    }
  /** Strangers don't get through: delete the mapping and make another one on another external port. */
  | { readonly type: 'move' }
  /** Delete a leftover of an earlier run that isn't wanted (another port of ours); answered by `forgotten`. */
  | { readonly type: 'forget'; readonly mapping: RememberedMapping }
  /** Another protocol noticed that the router lost its state: check or renew the mapping at once. */
  | { readonly type: 'router-restarted' }
  /** PCP and NAT-PMP get what came from the gateway's port 5351 in their version, UPnP everything else. */
  | { readonly type: 'datagram'; readonly source: Endpoint; readonly bytes: Uint8Array }
  | {
      readonly type: 'http-answer';
      readonly id: number;
      readonly status: number;
      readonly body: string;
    }
  | { readonly type: 'http-failed'; readonly id: number; readonly reason: string }
  /** Delete what there is, also a mapping whose answer hasn't come; `released` within {@link releaseMaxMs}. */
  | { readonly type: 'release' }
  | { readonly type: 'timeout' };

/** `released` comes at the latest after this time: a daemon that ends has a second and a half in all. */
export const releaseMaxMs = 1_200;

/** Leftovers that a method deletes at the same time; more are refused with `forgotten`. */
export const maxForgetting = 8;

export type MethodOutput =
  | { readonly type: 'send'; readonly target: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'http'; readonly request: HttpRequest }
  /** The service answers and `map` makes sense; also a late answer after `failed`. */
  | { readonly type: 'found' }
  /**
   * There is a mapping; also after each renewal, with what is true now. External addresses that nobody can use
   * (unspecified, loopback, multicast, port 0) never come here: such a mapping is deleted and `failed`.
   */
  | {
      readonly type: 'granted';
      readonly external: Endpoint;
      /** Infinity: permanent. */
      readonly lifetimeMs: number;
      /** For the state file: enough for {@link MethodInput} `map` and `forget` of the next run. */
      readonly remember: RememberedMapping;
    }
  /** No service, or no mapping (any more). */
  | {
      readonly type: 'failed';
      /** In words for people: "the router refuses (not authorised)". */
      readonly reason: string;
      /** Whether there is such a service at all: refusals of mappings leave it true. */
      readonly present: boolean;
      /** Another attempt makes no sense before; the router's own word where it gave one. */
      readonly retryAfterMs: number;
    }
  /** The router's epoch went back or it announced a restart; the method has begun to ask for its mapping anew. */
  | { readonly type: 'router-restarted' }
  | { readonly type: 'forgotten'; readonly mapping: RememberedMapping }
  /** Nothing of ours is left at the router; `unanswered`: it didn't say so, and something may be. */
  | { readonly type: 'released'; readonly unanswered?: boolean };

/** What a person wants to see of a method; nothing is decided by it but whether a carrier's NAT is there. */
export interface MethodFacts {
  /** An answer to a search or question about the service is awaited. */
  readonly isLooking: boolean;
  /** The router's external address, as it told last over this protocol. */
  readonly address: IpAddress | undefined;
  /** PCP, NAT-PMP. */
  readonly epoch: ToldEpoch | undefined;
  /** UPnP: where services are that map, as URLs. */
  readonly devices: readonly string[];
  /** Of the mapping that stands. */
  readonly renewsAt: Instant | undefined;
  readonly expiresAt: Instant | undefined;
}

export interface MappingMethod extends Machine<MethodInput, MethodOutput> {
  readonly protocol: PortMapProtocol;
  readonly facts: MethodFacts;
}
