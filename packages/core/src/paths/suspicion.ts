/**
 * Early warning for the path in use, long before its trust runs out.
 *
 *     calm --ping or data unanswered--> suspicious: a ping every 100 ms
 *     suspicious --pong--> calm
 *     suspicious --two of these pings lost--> duplicate onto the relay (told once)
 *
 * "Unanswered" is 3 x smoothed round trip for a ping, but 250 ms at least and 1 s at most. For data the
 * PacketEngine's reports of authenticated packets come at most once a second, so a second is added. Data that
 * flows one way only is told from a dead path by the first of these pings.
 */
import { after, earliest, type Instant } from '../base/instant.js';
import { lateAnswerMs } from './candidates.js';

/** Between the pings of a suspicion: fast, yet 124 bytes each. */
export const suspicionPingMs = 100;
/** Pings of one suspicion: one second's worth; afterwards ordinary discovery goes on. */
export const maxSuspicionPings = 10;
/** Lost pings that make us send over the relay as well; one loss happens on any path. */
const lostBeforeDuplicating = 2;
/** Under this, scheduling delays at either end would look like loss. */
const minAnswerMs = 250;
/** Round trips after which an answer is late rather than slow. */
const lateRoundTrips = 3;
/**
 * One answer that took seconds (a busy line, a copy of a lost ping) weighs on the smoothed round trip for half a
 * minute; a dead path must be noticed all the same. Where round trips really last that long it costs a few pings:
 * the answer to the first one comes before the second of the suspicion's pings counts as lost.
 */
const maxAnswerMs = lateAnswerMs;
/** Authenticated packets are reported at most this often (engines/messages.ts). */
export const evidenceStepMs = 1000;

/** What to do now. */
export type SuspicionAction = 'ping' | 'duplicate';

export class Suspicion {
  #answerMs = minAnswerMs;
  /** The oldest ping to the path in use that has no answer. */
  #pingedSince: Instant | undefined;
  /** The oldest report of data that nothing came back for. */
  #dataSince: Instant | undefined;
  /** When each ping of the running suspicion was sent; undefined: calm. */
  #pings: Instant[] | undefined;
  #duplicated = false;

  /** A ping went out over the path in use. */
  pinged(now: Instant): void {
    this.#pingedSince ??= now;
  }

  /** The path in use answered, or is a new one that did: calm again. `latencyMs` is its smoothed round trip. */
  answered(latencyMs: number): void {
    this.reset();
    const late = lateRoundTrips * latencyMs;
    this.#answerMs = Math.min(maxAnswerMs, Math.max(minAnswerMs, late));
  }

  /** The PacketEngine has something to send to the peer. */
  dataSent(now: Instant): void {
    this.#dataSince ??= now;
  }

  /** WireGuard data arrived over the path in use. */
  authenticated(): void {
    this.#dataSince = undefined;
  }

  /** No path is in use now, or no session. */
  reset(): void {
    this.#pingedSince = undefined;
    this.#dataSince = undefined;
    this.#pings = undefined;
    this.#duplicated = false;
  }

  /** Call when {@link nextTimeout} is due, until undefined. A returned `ping` counts as sent. */
  due(now: Instant): SuspicionAction | undefined {
    const at = this.nextTimeout();
    if (at === undefined || now < at) return undefined;
    const duplicateAt = this.#duplicateAt();
    if (duplicateAt !== undefined && now >= duplicateAt) {
      this.#duplicated = true;
      return 'duplicate';
    }
    this.#pings ??= [];
    this.#pings.push(now);
    return 'ping';
  }

  /** When {@link due} has something to say; undefined: not by itself. */
  nextTimeout(): Instant | undefined {
    if (this.#pings === undefined) return this.#beginsAt();
    const latest = this.#pings.at(-1);
    const pingAt =
      latest === undefined || this.#pings.length >= maxSuspicionPings
        ? undefined
        : after(latest, suspicionPingMs);
    return earliest(pingAt, this.#duplicateAt());
  }

  #beginsAt(): Instant | undefined {
    const pingLate =
      this.#pingedSince === undefined ? undefined : after(this.#pingedSince, this.#answerMs);
    const dataLate =
      this.#dataSince === undefined
        ? undefined
        : after(this.#dataSince, evidenceStepMs + this.#answerMs);
    return earliest(pingLate, dataLate);
  }

  /** When the second of the suspicion's pings is lost. */
  #duplicateAt(): Instant | undefined {
    const second = this.#pings?.[lostBeforeDuplicating - 1];
    return second === undefined || this.#duplicated ? undefined : after(second, this.#answerMs);
  }
}
