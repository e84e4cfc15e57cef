/**
 * Whether the two sides still hear each other: the three timers that traffic arms and disarms.
 *
 *     keepalive            armed by data in, disarmed by anything out; fires: an empty packet goes out
 *     newHandshake         armed by data out, sooner on a process's first keys, disarmed by anything in; fires:
 *                          new keys are agreed on
 *     persistentKeepalive  begun again by anything in either direction; fires: an empty packet goes out
 *
 * "Anything" is what the other side can authenticate: handshake messages, data and keepalives.
 *
 * Source: WireGuard whitepaper, sections 6.2 and 6.5.
 */
import { after, type Instant } from '../base/instant.js';
import {
  FIRST_KEYS_DOUBT_MS,
  FIRST_KEYS_MS,
  KEEPALIVE_TIMEOUT_MS,
  NEW_HANDSHAKE_MS,
  TIMER,
  type TimerSet,
} from './timers.js';

export class Liveness {
  readonly #timers: TimerSet;
  #persistentMs = 0;
  #dataSinceKeepaliveArmed = false;
  #doubtsFirstKeys = false;
  #firstKeysUntil: Instant | undefined;

  constructor(timers: TimerSet) {
    this.#timers = timers;
  }

  /** Interval of persistent keepalives; 0: none. */
  get persistentMs(): number {
    return this.#persistentMs;
  }

  /** Changes the interval; true when it was switched on, so that the first keepalive is due now. */
  setPersistent(ms: number, now: Instant): boolean {
    if (ms === this.#persistentMs) return false;
    const wasOff = this.#persistentMs === 0;
    this.#persistentMs = ms;
    if (ms === 0) this.#timers.disarm(TIMER.persistentKeepalive);
    else if (!wasOff) this.#timers.arm(TIMER.persistentKeepalive, now, ms);
    return wasOff;
  }

  /** Persistent keepalives are wanted and none is planned. */
  get lacksPersistent(): boolean {
    return this.#persistentMs > 0 && !this.#timers.isArmed(TIMER.persistentKeepalive);
  }

  /** Plans the next persistent keepalive unless what just went out has done so. */
  planPersistent(now: Instant): void {
    if (this.lacksPersistent) this.#noteTraversal(now);
  }

  /** Anything went out. */
  sent(now: Instant): void {
    this.#timers.disarm(TIMER.keepalive);
    this.#noteTraversal(now);
  }

  /** The first keys are doubted sooner than others. */
  doubtFirstKeys(): void {
    this.#doubtsFirstKeys = true;
  }

  /** Keys were agreed on. */
  keysAgreed(now: Instant): void {
    if (this.#doubtsFirstKeys) this.#firstKeysUntil ??= after(now, FIRST_KEYS_MS);
  }

  /** Data went out; `jitterMs` spreads the doubts of many. */
  sentData(now: Instant, jitterMs: number): void {
    if (this.#timers.isArmed(TIMER.newHandshake)) return;
    const areFirst = this.#firstKeysUntil !== undefined && now < this.#firstKeysUntil;
    const ms = areFirst ? FIRST_KEYS_DOUBT_MS : NEW_HANDSHAKE_MS;
    this.#timers.arm(TIMER.newHandshake, now, ms + jitterMs);
  }

  /** Anything came in. */
  heard(now: Instant): void {
    this.#timers.disarm(TIMER.newHandshake);
    this.#noteTraversal(now);
  }

  /** Data came in. */
  heardData(now: Instant): void {
    if (this.#timers.isArmed(TIMER.keepalive)) this.#dataSinceKeepaliveArmed = true;
    else this.#timers.arm(TIMER.keepalive, now, KEEPALIVE_TIMEOUT_MS);
  }

  /** The keepalive has gone out; data that came while it was armed wants another one. */
  keepaliveSent(now: Instant): void {
    if (!this.#dataSinceKeepaliveArmed) return;
    this.#dataSinceKeepaliveArmed = false;
    this.#timers.arm(TIMER.keepalive, now, KEEPALIVE_TIMEOUT_MS);
  }

  /** Nothing is owed or expected any more: the peer has other keys, or none. */
  forget(): void {
    this.#timers.disarm(TIMER.newHandshake);
    this.#timers.disarm(TIMER.keepalive);
  }

  #noteTraversal(now: Instant): void {
    if (this.#persistentMs > 0) {
      this.#timers.arm(TIMER.persistentKeepalive, now, this.#persistentMs);
    }
  }
}
