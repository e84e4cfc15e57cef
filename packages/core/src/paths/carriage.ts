/**
 * Does the path in use carry WireGuard, or only our small pings?
 *
 *     fine --data sent, nothing authenticated from the peer for 12 s--> doubted: the relay carries a copy
 *     doubted --heard over the relay alone, while pongs come--> condemned: it was the copy that got through
 *     doubted --heard directly, or neither of these for 5.5 s--> fine: the path is not to blame
 *
 * A healthy peer answers data within 10 s even if only by WireGuard's passive keepalive, so silence while
 * pongs keep coming means that something on the way passes disco and drops data (or its larger packets). Without
 * pongs the path may be dead for a moment, which is no reason to keep it out for long.
 */
import { after, type Instant } from '../base/instant.js';
import { lateAnswerMs } from './candidates.js';
import { evidenceStepMs } from './suspicion.js';

/** WireGuard's passive keepalive comes 10 s after data; 2 s for round trip and report. */
export const silenceMs = 12_000;
/** WireGuard repeats an unanswered handshake after 5 s, so a copy has gone over the relay by then. */
export const doubtMs = 5500;
/** How long a condemned path stays out: long enough to spare data, short enough to notice a repair. */
export const condemnedMs = 5 * 60_000;

export class Carriage {
  /** When the latest report of data from the peer came; what follows within a second is not reported. */
  #heardAt: Instant | undefined;
  #silentSince: Instant | undefined;
  #doubtedAt: Instant | undefined;
  /** In doubt: when a ping was first answered, and when the peer was first heard over the relay long after that. */
  #pongAt: Instant | undefined;
  #relayedAt: Instant | undefined;

  /** The path's data is being copied onto the relay. */
  get doubted(): boolean {
    return this.#doubtedAt !== undefined;
  }

  /** Data is sent over the direct path alone. */
  dataSent(now: Instant): void {
    const heardAt = this.#heardAt;
    // An answer to it might go unreported.
    if (heardAt !== undefined && now < after(heardAt, evidenceStepMs)) return;
    this.#silentSince ??= now;
  }

  /** The path in use answered a ping. */
  answered(now: Instant): void {
    if (this.doubted) this.#pongAt ??= now;
  }

  /** WireGuard data arrived from the peer. */
  authenticated(overRelay: boolean, now: Instant): void {
    if (this.doubted && overRelay) {
      // Until it knows that the path lives, the peer may send over the relay alone.
      if (this.#pongAt !== undefined && now >= after(this.#pongAt, lateAnswerMs)) {
        this.#relayedAt ??= now;
      }
      return;
    }
    this.reset();
    this.#heardAt = now;
  }

  /** Another path, or none, is in use now. */
  reset(): void {
    this.#heardAt = undefined;
    this.#silentSince = undefined;
    this.#doubtedAt = undefined;
    this.#relayedAt = undefined;
    this.#pongAt = undefined;
  }

  /** Call when {@link nextTimeout} is due. */
  due(now: Instant): 'doubt' | 'absolve' | 'condemn' | undefined {
    const at = this.nextTimeout();
    if (at === undefined || now < at) return undefined;
    if (this.#doubtedAt === undefined) {
      this.#doubtedAt = now;
      return 'doubt';
    }
    const verdict = this.#guiltyAt() === undefined ? 'absolve' : 'condemn';
    this.reset();
    return verdict;
  }

  nextTimeout(): Instant | undefined {
    if (this.#doubtedAt !== undefined) return this.#guiltyAt() ?? after(this.#doubtedAt, doubtMs);
    return this.#silentSince === undefined ? undefined : after(this.#silentSince, silenceMs);
  }

  /** The peer may send on both ways: the direct copy, if it gets through, is here by then. */
  #guiltyAt(): Instant | undefined {
    return this.#relayedAt === undefined ? undefined : after(this.#relayedAt, lateAnswerMs);
  }
}
