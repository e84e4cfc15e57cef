/**
 * Asks relays to send a datagram to our UDP port before anything has left from it: the only proof that
 * strangers reach us, because any packet of ours would open a NAT or firewall for the answer.
 *
 *     waiting --relays offered--> dialling --a connection stands--> asking --sent--> listening
 *     any state --arrived, did not arrive, nobody offers it, 1.5 s are over--> over (the `open` output)
 *
 * Until `open` the owner sends nothing over UDP; packets over relays flow. The relay sends to the address that
 * our connection comes from, so the verdict is about that address with our port. With several regions two are
 * asked, so that one of them is not the one we'll call home.
 *
 * A NAT that still remembers the port from before a restart would let the datagram in like no NAT at all.
 * So an arrival counts only when the port rested for longer than NATs remember ({@link mappingMemoryMs}), as far
 * as the owner knows; else what was proven before for the same address stands, or nothing is said. That it did
 * not arrive is true either way.
 */

import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { randomFraction } from '../base/random.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, familyOf } from '../ip/address.js';
import type { Random } from '../ports.js';
import { decodeBindingIndication } from '../stun/indication.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import type { Verified } from './nat-class.js';

/** For all of it: a start may not be held up for longer. */
export const dialBackMs = 1500;
/** Regions asked at most. */
export const dialBackRegions = 2;
/** Datagrams asked of one relay: one may get lost. */
const asksPerRelay = 2;
/** After the relay's "sent" the datagram is waited for as long as the question took, but within these. */
const marginMinMs = 60;
const marginMaxMs = 400;
/** RFC 4787 asks for 2 minutes and recommends 5; Linux remembers streams for 3. */
export const mappingMemoryMs = 600_000;

/** The port's life before this process. */
export interface EarlierUse {
  readonly port: number;
  /** How long ago it was last used, when the owner was made. */
  readonly agoMs: number;
  /** Endpoints that strangers were proven to reach. */
  readonly reached: readonly Endpoint[];
}

export type DialBackReason =
  | 'arrived'
  /** It arrived, but a NAT may remember the port; proven earlier. */
  | 'proven-earlier'
  | 'port-used-lately'
  | 'did-not-arrive'
  | 'not-offered'
  | 'refused'
  | 'no-relay-in-time';

export interface DialBackVerdict {
  /** Where the relay sent to. */
  readonly target: Endpoint | undefined;
  readonly verified: Verified;
  readonly reason: DialBackReason;
  readonly regionId: RegionId | undefined;
}

export type DialBackInput =
  /** Sockets are bound and these regions say that they dial back; none: nothing to wait for. */
  | {
      readonly type: 'start';
      readonly regions: readonly RegionId[];
      readonly ports: { readonly 4: number | undefined; readonly 6: number | undefined };
    }
  | { readonly type: 'connected'; readonly regionId: RegionId; readonly dialsBack: boolean }
  | { readonly type: 'failed'; readonly regionId: RegionId }
  | ({ readonly type: 'answer'; readonly regionId: RegionId } & DialBackAnswer)
  | { readonly type: 'datagram'; readonly bytes: Uint8Array; readonly receivedAt: Instant }
  | { readonly type: 'timeout' };

export type DialBackOutput =
  | { readonly type: 'use-relay'; readonly regionId: RegionId }
  | {
      readonly type: 'ask';
      readonly regionId: RegionId;
      readonly token: Uint8Array;
      readonly port: number;
    }
  /** Datagrams may leave from now on; `heldUpMs` is how long they could not. Exactly once. */
  | { readonly type: 'open'; readonly verdict: DialBackVerdict; readonly heldUpMs: number };

interface Asked {
  readonly regionId: RegionId;
  readonly askedAt: Instant;
  target: Endpoint | undefined;
  arrived: boolean;
}

type RegionState = 'dialling' | 'asked' | 'out';

export interface DialBackOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly earlier: readonly EarlierUse[];
}

export class DialBack {
  readonly #options: DialBackOptions;
  readonly #outputs: DialBackOutput[] = [];
  readonly #regions = new Map<RegionId, RegionState>();
  /** Connections that stand, with what they offer; bounded by the relay map. */
  readonly #connections = new Map<RegionId, boolean>();
  /** By token; at most {@link dialBackRegions} times {@link asksPerRelay}. */
  readonly #asked = new Map<string, Asked>();
  #ports: { readonly 4: number | undefined; readonly 6: number | undefined } | undefined;
  #startedAt: Instant | undefined;
  #endsAt: Instant | undefined;
  /** When the first relay's datagram is given up. */
  #missedAt: Instant | undefined;
  #isOffered = true;
  #isRefused = false;
  #verdict: DialBackVerdict | undefined;

  constructor(options: DialBackOptions) {
    this.#options = options;
  }

  get isStarted(): boolean {
    return this.#ports !== undefined;
  }

  /** True once datagrams may leave. */
  get isOpen(): boolean {
    return this.#verdict !== undefined;
  }

  handle(input: DialBackInput, now: Instant): void {
    if (this.isOpen) {
      if (input.type === 'datagram') this.#options.counters.add('dial-back-late');
      return;
    }
    switch (input.type) {
      case 'start':
        this.#start(input, now);
        break;
      case 'connected':
        this.#connections.set(input.regionId, input.dialsBack);
        this.#ask(input.regionId, now);
        break;
      case 'failed':
        this.#failed(input.regionId);
        break;
      case 'answer':
        this.#answer(input, now);
        break;
      case 'datagram':
        this.#datagram(input.bytes);
        break;
      case 'timeout':
        break;
    }
    this.#judge(now);
  }

  poll(): DialBackOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.isOpen ? undefined : earliest(this.#endsAt, this.#missedAt);
  }

  #start(input: DialBackInput & { readonly type: 'start' }, now: Instant): void {
    if (this.isStarted) return;
    this.#ports = input.ports;
    this.#startedAt = now;
    this.#endsAt = after(now, dialBackMs);
    this.#isOffered = input.regions.length > 0;
    const candidates = [...input.regions];
    while (this.#regions.size < dialBackRegions && candidates.length > 0) {
      const [regionId] = candidates.splice(
        Math.floor(randomFraction(this.#options.random) * candidates.length),
        1,
      );
      if (regionId === undefined) break;
      this.#regions.set(regionId, 'dialling');
      this.#outputs.push({ type: 'use-relay', regionId });
      this.#ask(regionId, now);
    }
  }

  /** Asks a chosen relay as soon as its connection stands. */
  #ask(regionId: RegionId, now: Instant): void {
    const offers = this.#connections.get(regionId);
    if (offers === undefined || this.#regions.get(regionId) !== 'dialling') return;
    const port = this.#ports?.[4] ?? this.#ports?.[6];
    if (!offers || port === undefined) {
      this.#regions.set(regionId, 'out');
      return;
    }
    this.#regions.set(regionId, 'asked');
    for (let i = 0; i < asksPerRelay; i++) {
      const token = this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      const asked = { regionId, askedAt: now, target: undefined, arrived: false };
      this.#asked.set(encodeHex(token), asked);
      this.#outputs.push({ type: 'ask', regionId, token, port });
    }
  }

  /** A relay that was asked and has not answered never will. */
  #failed(regionId: RegionId): void {
    this.#connections.delete(regionId);
    if (!this.#regions.has(regionId)) return;
    for (const [token, asked] of this.#asked) {
      if (asked.regionId === regionId && asked.target === undefined) this.#asked.delete(token);
    }
    const isAnswered = [...this.#asked.values()].some((asked) => asked.regionId === regionId);
    if (!isAnswered) this.#regions.set(regionId, 'out');
  }

  #answer(input: DialBackInput & { readonly type: 'answer' }, now: Instant): void {
    const asked = this.#asked.get(encodeHex(input.token));
    if (asked?.regionId !== input.regionId) {
      this.#options.counters.add('dial-back-unasked');
      return;
    }
    if (input.outcome !== 'sent' || input.target === undefined) {
      this.#asked.delete(encodeHex(input.token));
      this.#isRefused = true;
      const others = [...this.#asked.values()].some(({ regionId }) => regionId === input.regionId);
      if (!others) this.#regions.set(input.regionId, 'out');
      return;
    }
    asked.target = input.target;
    const marginMs = Math.min(Math.max(now - asked.askedAt, marginMinMs), marginMaxMs);
    this.#missedAt ??= after(now, marginMs);
  }

  #datagram(bytes: Uint8Array): void {
    const token = decodeBindingIndication(bytes);
    const asked = token instanceof DecodeFailure ? undefined : this.#asked.get(encodeHex(token));
    if (asked === undefined) this.#options.counters.add('dial-back-unknown');
    else asked.arrived = true;
  }

  #judge(now: Instant): void {
    const all = [...this.#asked.values()];
    const arrived = all.find((asked) => asked.arrived && asked.target !== undefined);
    if (arrived?.target !== undefined) {
      this.#arrived(arrived.target, arrived.regionId, now);
      return;
    }
    const isOver = this.#endsAt !== undefined && now >= this.#endsAt;
    const isMissed = this.#missedAt !== undefined && now >= this.#missedAt;
    const sent = all.find(({ target }) => target !== undefined);
    if (sent?.target !== undefined && isMissed) {
      const { target, regionId } = sent;
      this.#end({ target, verified: 'no', reason: 'did-not-arrive', regionId }, now);
      return;
    }
    const isHopeless =
      this.isStarted && [...this.#regions.values()].every((state) => state === 'out');
    if (!isOver && !isHopeless) return;
    const reason = this.#isRefused ? 'refused' : 'no-relay-in-time';
    this.#end(
      {
        target: undefined,
        verified: undefined,
        reason: this.#isOffered ? reason : 'not-offered',
        regionId: undefined,
      },
      now,
    );
  }

  #arrived(target: Endpoint, regionId: RegionId, now: Instant): void {
    const port = this.#ports?.[familyOf(endpointAddress(target))];
    const used = this.#options.earlier.find((use) => use.port === port);
    const rested = used === undefined || used.agoMs >= mappingMemoryMs;
    if (rested) {
      this.#end({ target, verified: 'yes', reason: 'arrived', regionId }, now);
    } else if (used.reached.includes(target)) {
      this.#end({ target, verified: 'yes', reason: 'proven-earlier', regionId }, now);
    } else {
      this.#end({ target, verified: undefined, reason: 'port-used-lately', regionId }, now);
    }
  }

  #end(verdict: DialBackVerdict, now: Instant): void {
    this.#verdict = verdict;
    this.#outputs.push({ type: 'open', verdict, heldUpMs: now - (this.#startedAt ?? now) });
  }
}
