/**
 * Proves that strangers reach our endpoints, on a schedule and when something changed.
 *
 *     by a relay   it sends a datagram from its alternate port to a port of the address that our connection to it
 *                  comes from, and says whereto; about other addresses a relay can't tell, and is never made to send
 *     by a peer    an authenticated ping came in that was addressed to the endpoint (a balancer's, for example)
 *
 * What an arrival proves depends on whether our sockets have sent to its source before:
 *
 *     never to that address           yes
 *     to the address, not the port    port-only
 *     to that very endpoint           nothing: an open NAT mapping explains it
 *
 * That a relay's datagram did not arrive is `no` when it happens twice in a row. A verdict stands until other evidence
 * or another network; `port-only` does not lower a `yes`.
 *
 *     idle --endpoints, relay, 10 min--> asking --sent--> listening --arrived / missed--> idle
 *                                           \--refused--> idle, again after a minute
 */

import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { randomFraction } from '../base/random.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import { EndpointType, type OwnEndpoint } from '../netmap/own.js';
import type { Random } from '../ports.js';
import { decodeBindingIndication } from '../stun/indication.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import type { Verified } from './nat-class.js';

/** Routers restart and forget; a person who waits for a verdict does not wait longer. */
export const proofIntervalMs = 600_000;
/** Changes come in bursts: the first report, the socket of the other family, the mapping of a router. */
export const proofSettleMs = 2_000;
/** Endpoints that flap must not use up the few datagrams that a relay gives. */
export const proofPauseMs = 15_000;
/** After a miss, so that one outage is not two misses; a relay gives a connection one datagram in 10 s. */
export const secondTryMs = 12_000;
/** A relay that has given all it gives is asked again when it gives more. */
const refusedPauseMs = 60_000;
/** A relay answers within a round trip. */
const answerMs = 5_000;
/** From the relay's "sent": the datagram takes as long as the answer, or is queued somewhere. */
const arrivalMs = 1_500;
/** Ports asked for in one round: relays give six datagrams at once, and other tests need some too. */
export const maxAsksPerRound = 3;
/** Misses in a row until an endpoint counts as dead. */
export const deadMisses = 2;

/** What our sockets have sent to the source of an arrival. */
export type ArrivalContact = 'new-address' | 'new-port' | 'known';

export type EndpointProofsInput =
  /** What we claim now, the best first. */
  | { readonly type: 'endpoints'; readonly endpoints: readonly OwnEndpoint[] }
  | { readonly type: 'relay'; readonly regionId: RegionId; readonly dialsBack: boolean }
  | { readonly type: 'relay-gone'; readonly regionId: RegionId }
  | ({ readonly type: 'answer'; readonly regionId: RegionId } & DialBackAnswer)
  /** A Binding indication. */
  | { readonly type: 'datagram'; readonly bytes: Uint8Array; readonly contact: ArrivalContact }
  /** A peer's authenticated ping that was addressed to `target`. */
  | { readonly type: 'reached'; readonly target: Endpoint; readonly contact: ArrivalContact }
  /** What was proven of an endpoint before the first datagram left. */
  | { readonly type: 'known'; readonly endpoint: Endpoint; readonly verified: Verified }
  /** Another network: nothing holds any more. */
  | { readonly type: 'network-changed' }
  | { readonly type: 'timeout' };

export type EndpointProofsOutput =
  | {
      readonly type: 'ask';
      readonly regionId: RegionId;
      readonly token: Uint8Array;
      readonly port: number;
    }
  /** The verdict about an endpoint is another one. */
  | { readonly type: 'verdict'; readonly endpoint: OwnEndpoint; readonly verified: Verified }
  /** Strangers were kept out twice in a row; told once until it works again. */
  | { readonly type: 'dead'; readonly endpoint: OwnEndpoint };

interface Claim {
  own: OwnEndpoint;
  verified: Verified;
  misses: number;
  askedAt: Instant | undefined;
}

interface Ask {
  readonly regionId: RegionId;
  readonly port: number;
  /** Without the relay's word, then without the datagram. */
  endsAt: Instant;
  target: Endpoint | undefined;
  contact: ArrivalContact | undefined;
}

export interface EndpointProofsOptions {
  readonly random: Random;
  readonly counters: Counters;
}

export class EndpointProofs {
  readonly #options: EndpointProofsOptions;
  readonly #outputs: EndpointProofsOutput[] = [];
  /** Bounded by the list of own endpoints. */
  readonly #claims = new Map<Endpoint, Claim>();
  /** Connected relays that dial back; bounded by the relay map. */
  readonly #relays = new Set<RegionId>();
  /** By token; at most {@link maxAsksPerRound}. */
  readonly #asks = new Map<string, Ask>();
  #roundAt: Instant | undefined;
  #askedAt: Instant | undefined;
  /** Counts rounds: regions take turns. */
  #rounds = 0;

  constructor(options: EndpointProofsOptions) {
    this.#options = options;
  }

  verified(of: Endpoint): Verified {
    return this.#claims.get(of)?.verified;
  }

  /** Claimed endpoints that strangers reach, the best first. */
  get proven(): readonly Endpoint[] {
    const claims = [...this.#claims].filter(([, { verified }]) => verified === 'yes');
    return claims.map(([endpoint]) => endpoint);
  }

  handle(input: EndpointProofsInput, now: Instant): void {
    switch (input.type) {
      case 'endpoints':
        this.#claim(input.endpoints, now);
        break;
      case 'relay':
        if (!input.dialsBack || this.#relays.has(input.regionId)) break;
        this.#relays.add(input.regionId);
        if (this.#relays.size === 1) this.#plan(after(now, proofSettleMs), now);
        break;
      case 'relay-gone':
        this.#relays.delete(input.regionId);
        for (const [token, ask] of this.#asks) {
          if (ask.regionId === input.regionId) this.#asks.delete(token);
        }
        break;
      case 'answer':
        this.#answer(input, now);
        break;
      case 'datagram':
        this.#datagram(input.bytes, input.contact);
        break;
      case 'reached':
        this.#reached(input.target, input.contact);
        break;
      case 'known': {
        const claim = this.#claims.get(input.endpoint);
        if (claim !== undefined && claim.verified === undefined) this.#judge(claim, input.verified);
        break;
      }
      case 'network-changed':
        this.#asks.clear();
        this.#claims.clear();
        break;
      case 'timeout':
        break;
    }
    this.#endAsks(now);
    if (this.#roundAt !== undefined && now >= this.#roundAt) this.#round(now);
  }

  poll(): EndpointProofsOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#roundAt, ...[...this.#asks.values()].map(({ endsAt }) => endsAt));
  }

  #claim(endpoints: readonly OwnEndpoint[], now: Instant): void {
    const provable = new Map(
      endpoints.filter(({ type }) => type !== EndpointType.local).map((own) => [own.endpoint, own]),
    );
    for (const endpoint of this.#claims.keys()) {
      if (!provable.has(endpoint)) this.#claims.delete(endpoint);
    }
    let isNew = false;
    for (const own of provable.values()) {
      const claim = this.#claims.get(own.endpoint);
      if (claim !== undefined) {
        claim.own = own;
        continue;
      }
      isNew = true;
      const fresh = { own, verified: undefined, misses: 0, askedAt: undefined };
      this.#claims.set(own.endpoint, fresh);
    }
    if (isNew) this.#plan(after(now, proofSettleMs), now);
  }

  /** A round at `at`, unless one is due earlier; not right after the last one. */
  #plan(at: Instant, now: Instant): void {
    const rested = this.#askedAt === undefined ? at : after(this.#askedAt, proofPauseMs);
    const due = at > rested ? at : rested;
    if (this.#roundAt === undefined || due < this.#roundAt) this.#roundAt = due > now ? due : now;
  }

  /** Asks for the ports that were asked for longest ago. */
  #round(now: Instant): void {
    const jitterMs = randomFraction(this.#options.random) * (proofIntervalMs / 20);
    this.#roundAt = after(now, proofIntervalMs + jitterMs);
    const regions = [...this.#relays];
    if (regions.length === 0 || this.#asks.size > 0) return;
    const byAge = [...this.#claims.values()].sort(
      (a, b) => (a.askedAt ?? Number.NEGATIVE_INFINITY) - (b.askedAt ?? Number.NEGATIVE_INFINITY),
    );
    const ports = new Set<number>();
    for (const claim of byAge) {
      const port = endpointPort(claim.own.endpoint);
      if (!ports.has(port) && ports.size >= maxAsksPerRound) continue;
      ports.add(port);
      claim.askedAt = now;
    }
    for (const port of ports) {
      const regionId = regions[this.#rounds++ % regions.length];
      if (regionId !== undefined) this.#ask(regionId, port, now);
    }
    // Those left out have their turn soon.
    const isLeftOut = byAge.some(({ askedAt }) => askedAt === undefined);
    if (isLeftOut) this.#plan(after(now, refusedPauseMs), now);
  }

  #ask(regionId: RegionId, port: number, now: Instant): void {
    const token = this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    const endsAt = after(now, answerMs);
    this.#askedAt = now;
    const ask = { regionId, port, endsAt, target: undefined, contact: undefined };
    this.#asks.set(encodeHex(token), ask);
    this.#outputs.push({ type: 'ask', regionId, token, port });
  }

  #answer(input: EndpointProofsInput & { readonly type: 'answer' }, now: Instant): void {
    const token = encodeHex(input.token);
    const ask = this.#asks.get(token);
    if (ask?.regionId !== input.regionId) return; // another test's
    if (input.outcome !== 'sent' || input.target === undefined) {
      this.#asks.delete(token);
      this.#options.counters.add(`proof-${input.outcome}`);
      this.#plan(after(now, refusedPauseMs), now);
      return;
    }
    // A relay that names another port than we did lies or is broken.
    if (endpointPort(input.target) !== ask.port || !this.#claims.has(input.target)) {
      this.#asks.delete(token);
      this.#options.counters.add('proof-of-no-endpoint');
      return;
    }
    ask.target = input.target;
    ask.endsAt = after(now, arrivalMs);
  }

  #datagram(bytes: Uint8Array, contact: ArrivalContact): void {
    const token = decodeBindingIndication(bytes);
    const ask = token instanceof DecodeFailure ? undefined : this.#asks.get(encodeHex(token));
    if (ask === undefined) this.#options.counters.add('proof-unknown-datagram');
    else ask.contact ??= contact;
  }

  #endAsks(now: Instant): void {
    for (const [token, ask] of this.#asks) {
      const isHeard = ask.contact !== undefined && ask.target !== undefined;
      if (!isHeard && now < ask.endsAt) continue;
      this.#asks.delete(token);
      const claim = ask.target === undefined ? undefined : this.#claims.get(ask.target);
      if (claim === undefined) continue;
      if (ask.contact !== undefined) this.#reached(claim.own.endpoint, ask.contact);
      else this.#missed(claim, now);
    }
  }

  #reached(target: Endpoint, contact: ArrivalContact): void {
    const claim = this.#claims.get(target);
    if (claim === undefined) return;
    claim.misses = 0;
    if (contact === 'new-address') this.#judge(claim, 'yes');
    else if (contact === 'new-port')
      this.#judge(claim, claim.verified === 'yes' ? 'yes' : 'port-only');
    // An open mapping lets it in, so the endpoint is alive; more is not known.
    else if (claim.verified === 'no') this.#judge(claim, undefined);
  }

  #missed(claim: Claim, now: Instant): void {
    this.#options.counters.add('proof-missed');
    claim.misses++;
    claim.askedAt = undefined;
    if (claim.misses < deadMisses) {
      this.#plan(after(now, secondTryMs), now);
      return;
    }
    claim.askedAt = now;
    this.#judge(claim, 'no');
    const isRepairable =
      claim.own.type === EndpointType.portmap || claim.own.type === EndpointType.static;
    const wasTold = claim.misses > deadMisses;
    if (isRepairable && !wasTold) {
      this.#outputs.push({ type: 'dead', endpoint: claim.own });
    }
  }

  #judge(claim: Claim, verified: Verified): void {
    if (claim.verified === verified) return;
    claim.verified = verified;
    this.#outputs.push({ type: 'verdict', endpoint: claim.own, verified });
  }
}
