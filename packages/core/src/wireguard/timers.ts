/**
 * WireGuard's times, and the timers of one peer.
 *
 * | when                                          | what                                      | constant              |
 * |-----------------------------------------------|-------------------------------------------|-----------------------|
 * | initiator sends on keys of 120 s              | new handshake, the old keys go on         | REKEY_AFTER_MS        |
 * | initiator receives on keys of 165 s           | new handshake, once per keys              | REKEY_ON_RECEIVE_MS   |
 * | anybody sends message 2^52 of its keys        | new handshake                             | REKEY_AFTER_MESSAGES  |
 * | keys are 180 s old, or used up                | neither seal nor open any more            | REJECT_AFTER_*        |
 * | an initiation is unanswered for 5 s + jitter  | another one; never two within 5 s         | REKEY_TIMEOUT_MS      |
 * | initiations are unanswered for 90 s           | given up, what waits is dropped           | REKEY_ATTEMPT_MS      |
 * | data came in 10 s ago and nothing went out    | empty packet                              | KEEPALIVE_TIMEOUT_MS  |
 * | data went out 15 s ago and nothing came in    | new handshake                             | NEW_HANDSHAKE_MS      |
 * | the same within 10 s of the first keys, 2 s   | new handshake (not in §6)                 | FIRST_KEYS_*          |
 * | nothing went either way for the peer's        | empty packet; without keys a handshake    | `keepaliveMs`         |
 * |   configured interval                         |                                           |   (liveness.ts)       |
 * | the last handshake was 540 s ago              | all keys of the peer are erased           | ZERO_KEYS_MS          |
 * | a restarted peer doesn't answer for 0.5 s     | the same initiation again (not in §6)     | REPEAT_MS             |
 * | a cookie, or the secret behind it, is 120 s   | forgotten                                 | cookies.ts            |
 *
 * Renewal by age (`renewal.ts`) is the initiator's alone, at sending and at receiving, else both sides would begin at the
 * same moment. A responder sends on its keys until 180 s; then it begins itself.
 *
 * Nothing here ticks: a timer is a deadline in an array, armed on the packet path by a plain store. The
 * device keeps a lower bound of each peer's deadlines in a heap (`schedule.ts`); disarming never raises it,
 * so a shell may be woken in vain now and then, and each wake finds the peer's true next deadline.
 *
 * Source: WireGuard whitepaper, section 6.
 */
import { after, type Instant } from '../base/instant.js';
import { type Schedule, Turn } from './schedule.js';

/** An initiator starts a new handshake when it sends on keys of this age. */
export const REKEY_AFTER_MS = 120_000;
/** Keys of this age are no longer used, in either direction. */
export const REJECT_AFTER_MS = 180_000;
/** At most one initiation per peer in this time; also the wait for a response before the next one. */
export const REKEY_TIMEOUT_MS = 5_000;
/** A handshake that nobody answers is given up after this, and what waited for it is dropped. */
export const REKEY_ATTEMPT_MS = 90_000;
/** Data that came in is answered within this, with an empty packet if we have nothing to say. */
export const KEEPALIVE_TIMEOUT_MS = 10_000;
/** Data that we sent must be answered within this (by data or by the keepalive above), or the keys are doubted. */
export const NEW_HANDSHAKE_MS = KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS;
/**
 * A peer may erase the first keys that this process agreed on with it, soon after and without a word: a stock
 * Tailscale client (1.98) drops a peer's keys when control tells it of the peer's new disco key, and that news comes
 * after the first handshake of a process that was restarted while it had traffic. So these keys are doubted
 * sooner, in the time that such news takes; never two initiations within 5 s nevertheless, as two new pairs of keys
 * in the time that a packet flies cost that packet.
 */
export const FIRST_KEYS_DOUBT_MS = 2_000;
/** For so long after the first keys. */
export const FIRST_KEYS_MS = 10_000;
/** All keys of a silent peer are erased this long after the last handshake. */
export const ZERO_KEYS_MS = 3 * REJECT_AFTER_MS;
/** On receipt, initiators renew keys this early, so that a one-way stream never meets the 180 s. */
export const REKEY_ON_RECEIVE_MS = REJECT_AFTER_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS;
/**
 * An urgent initiation goes to a peer that has just started and may not be on its relay yet: the same bytes
 * again after this, then after twice as long, until the next initiation is due. Who had the first one drops
 * the others as replays.
 */
export const REPEAT_MS = 500;
/** Retries are spread by up to this, so that two peers who start together don't stay in step. */
export const JITTER_MS = 334;

/**
 * The whitepaper says 2^64 - 2^13 - 1 messages; a JavaScript number counts exactly up to 2^53. Neither is
 * reached within the 180 s that keys live.
 */
export const REJECT_AFTER_MESSAGES = 2 ** 53 - 2 ** 13 - 1;
/** The whitepaper says 2^60; half of our own end leaves ample room for a handshake. */
export const REKEY_AFTER_MESSAGES = 2 ** 52;

/** The timers of a peer. */
export const TIMER = {
  /** Fires while an initiation is unanswered (or waits for a path): send the next one, or give up. */
  retransmit: 0,
  /** Fires 10 s after data came in and nothing went out: tell the peer that its data arrives. */
  keepalive: 1,
  /** Fires 15 s after data went out and nothing came in: the peer may have lost its keys, so agree on new ones. */
  newHandshake: 2,
  /** Fires 540 s after the last handshake: erase all keys, so that a seized machine can't open old traffic. */
  zeroKeys: 3,
  /** Fires after the configured silence: keep NAT mappings on the way open. */
  persistentKeepalive: 4,
  /** Fires while an urgent initiation is unanswered, long before the retransmit: the same message once more. */
  repeat: 5,
} as const;

export type Timer = (typeof TIMER)[keyof typeof TIMER];

const TIMERS: readonly Timer[] = Object.values(TIMER);

/** The deadlines of one peer. */
export class TimerSet {
  readonly #deadlines = new Float64Array(TIMERS.length).fill(Number.POSITIVE_INFINITY);
  readonly #schedule: Schedule;
  readonly #turn: Turn;

  /** `fire` is called when a deadline may have come; it empties {@link takeDue}. */
  constructor(schedule: Schedule, fire: (now: Instant) => void) {
    this.#schedule = schedule;
    this.#turn = new Turn(fire);
  }

  /** Sets `timer` to fire `ms` after `now`, whether or not it was armed. */
  arm(timer: Timer, now: Instant, ms: number): void {
    const at = after(now, ms);
    this.#deadlines[timer] = at;
    this.#schedule.by(this.#turn, at);
  }

  disarm(timer: Timer): void {
    this.#deadlines[timer] = Number.POSITIVE_INFINITY;
  }

  disarmAll(): void {
    this.#deadlines.fill(Number.POSITIVE_INFINITY);
    this.#schedule.cancel(this.#turn);
  }

  isArmed(timer: Timer): boolean {
    return this.#deadlines[timer] !== Number.POSITIVE_INFINITY;
  }

  /** Disarms and returns a timer whose time has come; undefined: none. Also schedules what is left. */
  takeDue(now: Instant): Timer | undefined {
    for (const timer of TIMERS) {
      const at = this.#deadlines[timer] ?? Number.POSITIVE_INFINITY;
      if (at <= now) {
        this.disarm(timer);
        return timer;
      }
      this.#schedule.by(this.#turn, at);
    }
    return undefined;
  }
}
