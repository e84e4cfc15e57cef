/**
 * What is known of the server on the gateway's port 5351 itself, whatever is mapped there: whether it answers, since
 * when it keeps what it maps, and which external address it tells.
 *
 *     unknown --answer--> present --error, silence--> absent --answer--> present
 *
 * What nobody asked for is believed in nothing: an announcement whose epoch doesn't fit only makes us ask.
 */
import { after, type Instant } from '../base/instant.js';
import type { IpAddress } from '../ip/address.js';
import { type EpochRule, EpochWatch } from './epoch.js';

/** Between checks that announcements cause: forged ones must not make us busy. */
const announcedCheckMs = 5_000;

export interface ToldEpoch {
  /** Since the server began to keep what it maps now. */
  readonly seconds: number;
  /** When it said so. */
  readonly at: Instant;
}

export class GatewayPresence {
  /** Undefined: it was not heard, and nothing says that it is not there. */
  isThere: boolean | undefined;
  readonly #watch: EpochWatch;
  #address: IpAddress | undefined;
  #epoch: ToldEpoch | undefined;
  #askedAt: Instant | undefined;

  constructor(rule: EpochRule) {
    this.#watch = new EpochWatch(rule);
  }

  /** The router's external address as it told last; PCP's server tells none but with a mapping. */
  get address(): IpAddress | undefined {
    return this.#address;
  }

  get epoch(): ToldEpoch | undefined {
    return this.#epoch;
  }

  asked(now: Instant): void {
    this.#askedAt = now;
  }

  /** It answered our question: what is new. */
  answered(
    { epochSeconds, address }: { readonly epochSeconds: number; readonly address?: IpAddress },
    now: Instant,
  ): { readonly isNew: boolean; readonly hasMoved: boolean; readonly hasRestarted: boolean } {
    const hasRestarted = !this.takeEpoch(epochSeconds, now);
    const isNew = this.isThere !== true;
    this.isThere = true;
    const hasMoved = address !== undefined && address !== this.#address;
    if (hasMoved) this.#address = address;
    return { isNew, hasMoved, hasRestarted };
  }

  /** Of any answer that we asked for; false: what the server kept for us before is lost. */
  takeEpoch(seconds: number, now: Instant): boolean {
    this.#epoch = { seconds, at: now };
    return this.#watch.take(seconds, now);
  }

  /** Nobody asked: an announcement, a second answer, or a forgery. When to ask; undefined: it fits what is known. */
  announced(epochSeconds: number, now: Instant): Instant | undefined {
    if (this.isThere === true && this.#watch.agrees(epochSeconds, now)) return undefined;
    const at = after(this.#askedAt ?? now, announcedCheckMs);
    return at < now ? now : at;
  }
}
