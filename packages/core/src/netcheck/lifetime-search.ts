/**
 * How long the NAT remembers an idle mapping: in the background, on a socket of its own, by a relay that sends to it
 * after ever longer rests.
 *
 *     idle --start--> warming --two answers--> resting --gap over--> asked --arrived--> longer gap, warming
 *                                                                    asked --silent, twice--> shorter gap, warming
 *                                                                    asked --refused--> the same gap, warming
 *     gaps: 15 s, doubled until one is too long, then halved between the two; over when they are close, or at 10 min
 *
 * Two answers some seconds apart before each rest: routers remember a flow that lasts for longer than a single
 * question and answer. The relay sends from where the socket has sent to, so filters let it in as long as the
 * mapping lives. Source: RFC 5780 section 4.6, with a dial-back in the place of RESPONSE-PORT.
 */

import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse, encodeBindingRequest } from '../stun/binding.js';
import { decodeBindingIndication, isBindingIndication } from '../stun/indication.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

export const shortestGapMs = 15_000;
/** Nobody has to keep a mapping alive more seldom than this. */
export const longestGapMs = 600_000;
/** Close enough: keep-alives leave more room than this. */
const resolutionMs = 10_000;
/** Linux tells a stream from a question after two seconds. */
const secondAnswerMs = 2_500;
/** For an answer, and for a datagram after the relay's word. */
const patienceMs = 2_000;
/** After a round that told nothing. */
const retryMs = 30_000;
/** Rounds in a row that tell nothing before it is left alone. */
const emptyRoundsMax = 5;
/** A lost datagram is no lost mapping. */
const silentRounds = 2;

export type LifetimeOutput =
  | { readonly type: 'open-socket' }
  | { readonly type: 'close-socket' }
  | { readonly type: 'send'; readonly remote: Endpoint; readonly bytes: Uint8Array }
  | {
      readonly type: 'ask';
      readonly regionId: RegionId;
      readonly token: Uint8Array;
      readonly port: number;
    };

export interface LifetimeRelay {
  /** Connected, and it dials back. */
  readonly regionId: RegionId;
  /** Its STUN server. */
  readonly server: Endpoint;
}

type State = 'idle' | 'opening' | 'first' | 'pause' | 'second' | 'resting' | 'asked' | 'over';

export class LifetimeSearch {
  readonly #random: Random;
  readonly #counters: Counters;
  readonly #outputs: LifetimeOutput[] = [];
  #relay: LifetimeRelay | undefined;
  #state: State = 'idle';
  /** When the present state has lasted long enough. */
  #until: Instant | undefined;
  #transaction = '';
  #token = '';
  #mapped: Endpoint | undefined;
  /** The relay says that its datagram is on the way. */
  #wasSent = false;
  #gapMs = shortestGapMs;
  /** Longest rest that was survived, shortest that was not. */
  #aliveMs = 0;
  #deadMs: number | undefined;
  #silent = 0;
  #empty = 0;

  constructor({ random, counters }: { readonly random: Random; readonly counters: Counters }) {
    this.#random = random;
    this.#counters = counters;
  }

  /** A mapping was still there after this; undefined: not known yet. */
  get lifetimeMs(): number | undefined {
    return this.#aliveMs === 0 ? undefined : this.#aliveMs;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** It came to its end on this network. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  start(relay: LifetimeRelay): void {
    if (!this.isIdle) return;
    this.#relay = relay;
    this.#state = 'opening';
    this.#outputs.push({ type: 'open-socket' });
  }

  /** Another network. */
  forget(): void {
    this.#close('idle');
    this.#gapMs = shortestGapMs;
    this.#aliveMs = 0;
    this.#deadMs = undefined;
    this.#silent = 0;
    this.#empty = 0;
  }

  opened(now: Instant): void {
    if (this.#state === 'opening') this.#send('first', now);
  }

  /** The socket, or the connection to the relay, is gone; a later start goes on where it was. */
  interrupted(): void {
    if (this.#state !== 'over') this.#close('idle');
  }

  usesRelay(regionId: RegionId): boolean {
    return this.#relay?.regionId === regionId;
  }

  datagram(source: Endpoint, bytes: Uint8Array, now: Instant): void {
    if (isBindingIndication(bytes)) {
      const token = decodeBindingIndication(bytes);
      const isOurs = !(token instanceof DecodeFailure) && encodeHex(token) === this.#token;
      if (isOurs && this.#state === 'asked') this.#alive(now);
      else this.#counters.add('nat-lifetime-unknown-token');
      return;
    }
    const response = decodeBindingResponse(bytes);
    if (response instanceof DecodeFailure) {
      this.#counters.add(`nat-lifetime-${response.reason}`);
      return;
    }
    const isOurs = encodeHex(response.transactionId) === this.#transaction;
    if (!isOurs || source !== this.#relay?.server) {
      this.#counters.add('nat-lifetime-unknown-transaction');
      return;
    }
    this.#transaction = '';
    this.#mapped = response.mapped;
    if (this.#state === 'first') this.#go('pause', secondAnswerMs, now);
    else if (this.#state === 'second') this.#go('resting', this.#gapMs, now);
  }

  /** A relay's word on a dial-back; true when it is about ours. */
  told({ token, outcome, target }: DialBackAnswer, now: Instant): boolean {
    if (encodeHex(token) !== this.#token) return false;
    if (this.#state !== 'asked') return true;
    // Silence counts only after the relay's word.
    this.#wasSent = outcome === 'sent' && target === this.#mapped;
    if (this.#wasSent) this.#until = after(now, patienceMs);
    else this.#nothing(now);
    return true;
  }

  run(now: Instant): void {
    if (this.#until === undefined || now < this.#until) return;
    switch (this.#state) {
      case 'pause':
        this.#send('second', now);
        break;
      case 'resting':
        this.#ask(now);
        break;
      case 'first':
      case 'second':
        this.#nothing(now);
        break;
      case 'asked':
        if (this.#wasSent) this.#dead(now);
        else this.#nothing(now);
        break;
      case 'opening':
        this.#send('first', now);
        break;
      case 'idle':
      case 'over':
        break;
    }
  }

  poll(): LifetimeOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#until;
  }

  #go(state: State, ms: number, now: Instant): void {
    this.#state = state;
    this.#until = after(now, ms);
  }

  #send(state: 'first' | 'second', now: Instant): void {
    const relay = this.#relay;
    if (relay === undefined) return;
    const transactionId = this.#random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    this.#transaction = encodeHex(transactionId);
    const bytes = encodeBindingRequest(transactionId);
    this.#outputs.push({ type: 'send', remote: relay.server, bytes });
    this.#go(state, patienceMs, now);
  }

  #ask(now: Instant): void {
    const [relay, mapped] = [this.#relay, this.#mapped];
    if (relay === undefined || mapped === undefined) return;
    const token = this.#random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
    this.#token = encodeHex(token);
    this.#wasSent = false;
    const { regionId } = relay;
    this.#outputs.push({ type: 'ask', regionId, token, port: endpointPort(mapped) });
    this.#go('asked', 2 * patienceMs, now);
  }

  #alive(now: Instant): void {
    this.#silent = 0;
    this.#empty = 0;
    this.#aliveMs = Math.max(this.#aliveMs, this.#gapMs);
    this.#next(now);
  }

  #dead(now: Instant): void {
    this.#empty = 0;
    this.#silent++;
    if (this.#silent < silentRounds) {
      this.#send('first', now);
      return;
    }
    this.#silent = 0;
    this.#deadMs = this.#gapMs;
    this.#next(now);
  }

  /** The round told nothing. */
  #nothing(now: Instant): void {
    this.#empty++;
    if (this.#empty >= emptyRoundsMax) this.#close('over');
    else this.#go('opening', retryMs, now);
  }

  #next(now: Instant): void {
    const [alive, dead] = [this.#aliveMs, this.#deadMs];
    const isClose = dead !== undefined && dead - alive <= Math.max(resolutionMs, alive / 8);
    if (isClose || alive >= longestGapMs) {
      this.#close('over');
      return;
    }
    const longer = Math.min(2 * this.#gapMs, longestGapMs);
    this.#gapMs = dead === undefined ? longer : Math.round((alive + dead) / 2);
    this.#send('first', now);
  }

  #close(state: 'idle' | 'over'): void {
    if (this.#state !== 'idle' && this.#state !== 'over') {
      this.#outputs.push({ type: 'close-socket' });
    }
    this.#state = state;
    this.#until = undefined;
    this.#transaction = '';
    this.#token = '';
  }
}
