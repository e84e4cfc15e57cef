/**
 * Does the path in use carry WireGuard, or only our small pings?
 *
 *     fine --data sent, nothing authenticated from the peer for 12 s--> doubted: the relay carries a copy
 *     doubted --the peer is heard over the relay--> condemned: it was the copy that got through
 *     doubted --heard directly, or nothing for 5.5 s--> fine: the path is not to blame
 *
 * A healthy peer answers data within 10 s even if only by WireGuard's passive keepalive, so silence while
 * pongs keep coming means that something on the way passes disco and drops data (or its larger packets).
 */
import { after, type Instant } from '../base/instant.js';

/** WireGuard's passive keepalive comes 10 s after data; 2 s for round trip and report. */
export const silenceMs = 12_000;
/** WireGuard repeats an unanswered handshake after 5 s, so a copy has gone over the relay by then. */
export const doubtMs = 5500;
/** How long a condemned path stays out: long enough to spare data, short enough to notice a repair. */
export const condemnedMs = 5 * 60_000;

export class Carriage {
  #silentSince: Instant | undefined;
  #doubtedAt: Instant | undefined;

  /** The path's data is being copied onto the relay. */
  get doubted(): boolean {
    return this.#doubtedAt !== undefined;
  }

  /** Data is sent over the direct path alone. */
  dataSent(now: Instant): void {
    this.#silentSince ??= now;
  }

  /** WireGuard data arrived from the peer. True: the direct path is condemned. */
  authenticated(overRelay: boolean): boolean {
    const condemned = this.doubted && overRelay;
    this.reset();
    return condemned;
  }

  /** Another path, or none, is in use now. */
  reset(): void {
    this.#silentSince = undefined;
    this.#doubtedAt = undefined;
  }

  /** Call when {@link nextTimeout} is due. */
  due(now: Instant): 'doubt' | 'absolve' | undefined {
    const at = this.nextTimeout();
    if (at === undefined || now < at) return undefined;
    if (this.doubted) {
      this.reset();
      return 'absolve';
    }
    this.#doubtedAt = now;
    return 'doubt';
  }

  nextTimeout(): Instant | undefined {
    if (this.#doubtedAt !== undefined) return after(this.#doubtedAt, doubtMs);
    return this.#silentSince === undefined ? undefined : after(this.#silentSince, silenceMs);
  }
}
