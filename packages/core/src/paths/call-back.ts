/**
 * Calling a peer back that has called us, and that does not reach us although we reach it.
 *
 * The caller's pings met our NAT before ours had opened it. A Warren node pings again as soon as a ping of ours
 * reaches it; an official one waits out 5 s between pings to one address, and relays all it sends till then,
 * unless it is called: then it pings at once. Official nodes never call back, and who was reached is not
 * called, so calls don't go to and fro.
 *
 *     their call ── our pings ── a pong ── callBackMs without a ping of theirs ── our call
 */
import { after, type Instant } from '../base/instant.js';

/** A Warren node's own ping comes with its pong, or a scheduling hiccup later. */
export const callBackMs = 200;
/** What a ping or a call says about now: as long as official nodes wait between pings to one address. */
const recentMs = 5000;

export class CallBack {
  #followedAt: Instant | undefined;
  #heardAt: Instant | undefined;
  #dueAt: Instant | undefined;

  /** The peer called, and its addresses were pinged. */
  followed(now: Instant): void {
    this.#followedAt = now;
  }

  /** A ping of the peer came directly: it reaches us. */
  heard(now: Instant): void {
    this.#heardAt = now;
    this.#dueAt = undefined;
  }

  /** A ping of ours was answered directly: we reach it. */
  answered(now: Instant): void {
    if (!isRecent(this.#followedAt, now)) return;
    this.#followedAt = undefined; // one call for a call
    if (!isRecent(this.#heardAt, now)) this.#dueAt = after(now, callBackMs);
  }

  nextTimeout(): Instant | undefined {
    return this.#dueAt;
  }

  /** True, once, when the peer is to be called now. */
  takeDue(now: Instant): boolean {
    if (this.#dueAt === undefined || now < this.#dueAt) return false;
    this.#dueAt = undefined;
    return true;
  }
}

function isRecent(at: Instant | undefined, now: Instant): boolean {
  return at !== undefined && now - at < recentMs;
}
