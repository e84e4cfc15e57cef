/** A firewall that takes who knocks too often for an attacker, and hears nothing of him for a while. */
import { after, type Instant } from '@warren/core/base/instant';
import { TokenBucket } from '@warren/core/base/token-bucket';
import type { IpAddress } from '@warren/core/ip/address';
import { BAN_MS } from '../topology/types.js';

export class BanList {
  readonly #bansAfter: number;
  readonly #knocks = new Map<IpAddress, TokenBucket>();
  readonly #bannedUntil = new Map<IpAddress, Instant>();

  /** So many packets within a minute are borne. */
  constructor(bansAfter: number) {
    this.#bansAfter = bansAfter;
  }

  isBanned(source: IpAddress, now: Instant): boolean {
    const until = this.#bannedUntil.get(source);
    return until !== undefined && now < until;
  }

  /** A packet came that nobody had asked for. */
  knocked(source: IpAddress, now: Instant): void {
    let bucket = this.#knocks.get(source);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#bansAfter, this.#bansAfter / 60);
      this.#knocks.set(source, bucket);
    }
    if (!bucket.take(now)) this.#bannedUntil.set(source, after(now, BAN_MS));
  }

  reboot(): void {
    this.#knocks.clear();
    this.#bannedUntil.clear();
  }
}
