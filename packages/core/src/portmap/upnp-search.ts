/**
 * The search for gateways on the LAN by SSDP: three datagrams, four times, and the answers that are worth a look.
 *
 *     start --> sending at 0, 250, 750, 1750 ms --> first answer, 50 ms more --> settled
 *                                              \--> 4 s of silence ----------> settled
 *
 * Answers come from anybody on the LAN, from any port; those from elsewhere, unasked or too many are counted.
 */
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { type Endpoint, endpointAddress } from '../ip/address.js';
import { isOnLan, type Lan } from './lan-url.js';
import { compareAnswers, decodeSearchAnswer, type SsdpAnswer } from './ssdp.js';

/** Datagrams get lost, and a busy router needs its time: after these, again. */
const resendAfterMs = [250, 750, 1_750] as const;
/** Devices wait up to two seconds by themselves (MX), after the last of ours. */
const silenceMs = 4_000;
/** With several devices the second answer comes right after the first. */
const moreAnswersMs = 50;
/** Answers that come later than this are not to our questions. */
const listensMs = 15_000;
/** Of one search; nobody has more gateways. */
const answersMax = 11;

export class UpnpSearch {
  readonly #lan: Lan;
  readonly #counters: Counters;
  #answers: readonly SsdpAnswer[] = [];
  #startedAt: Instant | undefined;
  #sent = 0;
  #settlesAt: Instant | undefined;

  constructor(lan: Lan, counters: Counters) {
    this.#lan = lan;
    this.#counters = counters;
  }

  /** Searches anew; earlier answers are forgotten. */
  start(now: Instant): void {
    this.#answers = [];
    this.#startedAt = now;
    this.#sent = 0;
    this.#settlesAt = after(now, silenceMs);
  }

  /** Searches no more; late answers still count. */
  settle(): void {
    this.#settlesAt = undefined;
  }

  get isSearching(): boolean {
    return this.#settlesAt !== undefined;
  }

  /** In their order, which is the same each time. */
  get answers(): readonly SsdpAnswer[] {
    return this.#answers;
  }

  /** When {@link wantsToSend} or {@link isDue} turns true. */
  get nextTimeout(): Instant | undefined {
    if (this.#startedAt === undefined || this.#settlesAt === undefined) return undefined;
    return earliest(this.#settlesAt, this.#sendsAt());
  }

  #sendsAt(): Instant | undefined {
    if (this.#startedAt === undefined || this.#answers.length > 0) return undefined;
    if (this.#sent === 0) return this.#startedAt;
    const wait = resendAfterMs[this.#sent - 1];
    return wait === undefined ? undefined : after(this.#startedAt, wait);
  }

  /** True, once for each time: the searches are to be sent now. */
  wantsToSend(now: Instant): boolean {
    const at = this.isSearching ? this.#sendsAt() : undefined;
    if (at === undefined || now < at) return false;
    this.#sent += 1;
    return true;
  }

  /** Nothing more is waited for. */
  isDue(now: Instant): boolean {
    return this.#settlesAt !== undefined && now >= this.#settlesAt;
  }

  /** Takes a datagram; true when it was the answer of a device that is new to us. */
  handleDatagram(source: Endpoint, bytes: Uint8Array, now: Instant): boolean {
    const refuse = (reason: string): false => {
      this.#counters.add(`portmap-upnp-${reason}`);
      return false;
    };
    if (!isOnLan(endpointAddress(source), this.#lan)) return refuse('ssdp-not-of-the-lan');
    if (this.#startedAt === undefined || now >= after(this.#startedAt, listensMs)) {
      return refuse('ssdp-unasked');
    }
    const answer = decodeSearchAnswer(bytes);
    if (answer instanceof DecodeFailure) return refuse(answer.reason);
    const { host, path } = answer.location;
    const known = this.#answers.findIndex(
      ({ location, server }) =>
        location.host === host && location.path === path && server === answer.server,
    );
    const first = this.#answers[known];
    if (first !== undefined) {
      // A device answers once for each of its kinds; the newest decides its place.
      if (compareAnswers(answer, first) < 0) this.#replace(known, answer);
      return refuse('ssdp-duplicate');
    }
    if (this.#answers.length >= answersMax) {
      refuse('ssdp-too-many');
      // A neighbour that floods us doesn't hide the router.
      if (endpointAddress(source) !== this.#lan.gateway) return false;
      this.#replace(this.#answers.length - 1, answer);
      return true;
    }
    if (this.#answers.length === 0 && this.isSearching) {
      this.#settlesAt = after(now, moreAnswersMs);
    }
    this.#replace(this.#answers.length, answer);
    return true;
  }
  #replace(index: number, answer: SsdpAnswer): void {
    const answers = [...this.#answers];
    answers[index] = answer;
    this.#answers = answers.sort(compareAnswers);
  }
}
