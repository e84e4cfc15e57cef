/**
 * When initiations go out: at most one in 5 s, again while nobody answers, for 90 s.
 *
 *     initiate --- too soon, or no path ---> the retransmit timer is armed for later
 *         \------- otherwise -------------> sent, retransmit armed for 5 s and some jitter
 *     retransmit fires --- 90 s are over ---> given up        --- else ---> initiate
 *     initiateUrgently: sent at once, and the same again after 0.5, 1.5 and 3.5 s
 *
 * Source: WireGuard whitepaper, sections 6.2 and 6.4.
 */
import type { Instant } from '../base/instant.js';
import type { Random } from '../ports.js';
import type { Handshake } from './handshake.js';
import {
  JITTER_MS,
  REKEY_ATTEMPT_MS,
  REKEY_TIMEOUT_MS,
  REPEAT_MS,
  TIMER,
  type TimerSet,
} from './timers.js';

/** Who carries a peer's messages. */
export interface PeerHost {
  /** False while no path is known: nothing is sealed or created then. */
  readonly canSend: boolean;
  /** One message for the wire; the memory is valid during the call. */
  send(memory: Uint8Array, at: number, length: number): void;
  /** The peer has something to say on its own account (data, or a persistent keepalive). */
  wantsToSend(now: Instant): void;
}

export class Initiator<Owner> {
  readonly #handshake: Handshake<Owner>;
  readonly #timers: TimerSet;
  readonly #host: PeerHost;
  readonly #random: Random;
  /** Not before this may another initiation go out. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #attemptsSince = Number.NEGATIVE_INFINITY;
  #jitterMs = 0;
  #repeatMs = 0;

  constructor(handshake: Handshake<Owner>, timers: TimerSet, host: PeerHost, random: Random) {
    this.#handshake = handshake;
    this.#timers = timers;
    this.#host = host;
    this.#random = random;
  }

  /** Drawn per initiation; also spreads the 15 s timer, where drawing would cost per packet. */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /** True when the retransmit timer has fired for the last time. */
  isGivenUp(now: Instant): boolean {
    return now - this.#attemptsSince >= REKEY_ATTEMPT_MS;
  }

  /** Sends an initiation, or sees to it that one goes out when it may. `anew`: the 90 s begin again. */
  initiate(now: Instant, anew: boolean): 'sent' | 'later' | 'impossible' {
    if (anew) this.#attemptsSince = now;
    const waitMs = this.#notBefore - now;
    if (waitMs > 0 || !this.#host.canSend) {
      if (!this.#timers.isArmed(TIMER.retransmit)) {
        this.#timers.arm(TIMER.retransmit, now, waitMs > 0 ? waitMs : REKEY_TIMEOUT_MS);
      }
      return 'later';
    }
    const message = this.#handshake.begin(now);
    if (message === undefined) return 'impossible';
    this.holdBack(now);
    this.#jitterMs = this.#drawJitterMs();
    this.#timers.arm(TIMER.retransmit, now, REKEY_TIMEOUT_MS + this.#jitterMs);
    this.#host.send(message, 0, message.length);
    return 'sent';
  }

  /** Initiates whatever went before, and repeats the message a few times while nobody answers. */
  initiateUrgently(now: Instant): 'sent' | 'later' | 'impossible' {
    this.reset();
    const outcome = this.initiate(now, true);
    this.#repeatMs = REPEAT_MS;
    this.#timers.arm(TIMER.repeat, now, this.#repeatMs);
    return outcome;
  }

  /** The repeat timer has fired. */
  repeatDue(now: Instant): void {
    this.repeat(now);
    this.#repeatMs *= 2;
    if (this.#repeatMs < REKEY_TIMEOUT_MS) this.#timers.arm(TIMER.repeat, now, this.#repeatMs);
  }

  /** Sends the pending initiation once more; false when there is none. */
  repeat(now: Instant): boolean {
    const message = this.#handshake.pendingMessage(now);
    if (message === undefined) return false;
    this.#host.send(message, 0, message.length);
    return true;
  }

  /** No initiation for the next 5 s. */
  holdBack(now: Instant): void {
    this.#notBefore = now + REKEY_TIMEOUT_MS;
  }

  /** Forgets when the last initiation went out: under another identity it doesn't count. */
  reset(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  #drawJitterMs(): number {
    const [byte = 0] = this.#random.fill(new Uint8Array(1));
    return (byte / 256) * JITTER_MS;
  }
}
