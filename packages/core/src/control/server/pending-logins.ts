/**
 * Machines that wait for a person's yes. Each has an id that nobody can guess, which is the last part of the
 * address that its owner opens; ids are known to nobody else, hold for 15 minutes, and are good once.
 *
 *     waiting --approved--> over
 *       waiting --rejected--> rejected --its time is over--> over
 *       waiting --its time is over--> over (a machine that still asks gets a fresh address)
 *       waiting --too many wait--> over (a machine that still asks is told to come back later)
 *
 * Anybody can make machine keys, so there are limits: by source, by machine, and in all, where the source that
 * holds most loses its oldest. Whoever waits for an id hears of its end through `poll`.
 */
import { after, type Instant, type WallTime } from '../../base/instant.js';
import { TokenBucket } from '../../base/token-bucket.js';
import type { MachineKey } from '../../keys/keys.js';
import type { Random } from '../../ports.js';
import { randomLabel } from '../random-label.js';
import type { RegisterRequest } from './requests.js';

/** 26 of 36 characters: 134 bits. */
export const loginIdCharacters = 26;
/** To find the browser and the code; an operator who has to be called takes a few minutes too. */
export const loginLifeMs = 15 * 60_000;
/** As many as a large network sees in its busiest quarter of an hour, at about 4 KiB each. */
export const pendingLoginsMax = 1024;
/** An office behind one address that sets up its machines on one morning. */
export const pendingPerSourceMax = 32;
/** A login under way, and some that were given up for another node key. */
export const pendingPerMachineMax = 4;
/** Fresh ids for one source: that many at once, then one in this time. */
const openBurst = 64;
const openEveryMs = 10_000;
/** Sources remembered for that; the oldest is forgotten. */
const sourcesMax = 4096;

export type LoginId = string;

export interface PendingLogin {
  readonly id: LoginId;
  /** The machine that asked, proven by its Noise session. */
  readonly machineKey: MachineKey;
  readonly request: RegisterRequest;
  /** Where it asked from: an address, or what stands for its network. */
  readonly source: string;
  readonly createdAt: WallTime;
  readonly endsAt: Instant;
  readonly isRejected: boolean;
}

/** How the wait for an id ended. */
export type LoginEnding = 'approved' | 'rejected' | 'expired' | 'displaced';

export interface LoginEnded {
  readonly id: LoginId;
  readonly ending: LoginEnding;
}

export class PendingLogins {
  readonly #random: Random;
  /** Oldest first: all live equally long. */
  readonly #logins = new Map<LoginId, PendingLogin>();
  readonly #rates = new Map<string, TokenBucket>();
  readonly #endings: LoginEnded[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Those that wait, and those that were rejected a moment ago. */
  get size(): number {
    return this.#logins.size;
  }

  /**
   * The login that a machine waits for with this node key, begun when there is none. A request that follows up on
   * a rejected one gets that. Undefined: its source has too many.
   */
  open(
    machineKey: MachineKey,
    request: RegisterRequest,
    source: string,
    now: Instant,
    wall: WallTime,
  ): PendingLogin | undefined {
    this.advance(now);
    const own = [...this.#logins.values()].filter((login) => login.machineKey === machineKey);
    const same = own.find(
      (login) => login.request.nodeKey === request.nodeKey && !login.isRejected,
    );
    if (same !== undefined) return same;
    if (!this.#hasRoom(source, now)) return undefined;
    const [oldest] = own;
    if (own.length >= pendingPerMachineMax && oldest !== undefined)
      this.end(oldest.id, 'displaced');
    if (this.#logins.size >= pendingLoginsMax) this.#displace();
    const login: PendingLogin = {
      id: randomLabel(this.#random, loginIdCharacters),
      machineKey,
      request,
      source,
      createdAt: wall,
      endsAt: after(now, loginLifeMs),
      isRejected: false,
    };
    this.#logins.set(login.id, login);
    return login;
  }

  /** Undefined: over, never there, or not guessed right. */
  find(id: LoginId, now: Instant): PendingLogin | undefined {
    this.advance(now);
    return this.#logins.get(id);
  }

  /** Those that wait, oldest first. */
  list(now: Instant): readonly PendingLogin[] {
    this.advance(now);
    return [...this.#logins.values()].filter((login) => !login.isRejected);
  }

  /** Ends a wait. A rejected login is remembered for the rest of its time, so that its machine hears it. */
  end(id: LoginId, ending: LoginEnding): void {
    const login = this.#logins.get(id);
    if (login === undefined) return;
    if (ending === 'rejected') this.#logins.set(id, { ...login, isRejected: true });
    else this.#logins.delete(id);
    if (!login.isRejected) this.#endings.push({ id, ending });
  }

  /** Ends what has had its time. */
  advance(now: Instant): void {
    for (const login of this.#logins.values()) {
      if (login.endsAt > now) break;
      this.end(login.id, 'expired');
    }
  }

  /** Waits that ended, each once. */
  poll(): LoginEnded | undefined {
    return this.#endings.shift();
  }

  nextTimeout(): Instant | undefined {
    const [oldest] = this.#logins.values();
    return oldest?.endsAt;
  }

  #hasRoom(source: string, now: Instant): boolean {
    let held = 0;
    for (const login of this.#logins.values()) if (login.source === source) held++;
    return held < pendingPerSourceMax && this.#rateOf(source).take(now);
  }

  #rateOf(source: string): TokenBucket {
    const known = this.#rates.get(source);
    const rate = known ?? new TokenBucket(openBurst, 1000 / openEveryMs);
    this.#rates.delete(source);
    this.#rates.set(source, rate);
    const [oldest] = this.#rates.keys();
    if (this.#rates.size > sourcesMax && oldest !== undefined) this.#rates.delete(oldest);
    return rate;
  }

  /** The oldest login of the source that holds most. */
  #displace(): void {
    const held = new Map<string, number>();
    for (const { source } of this.#logins.values()) held.set(source, (held.get(source) ?? 0) + 1);
    const most = Math.max(...held.values());
    for (const { id, source } of this.#logins.values()) {
      if (held.get(source) !== most) continue;
      this.end(id, 'displaced');
      return;
    }
  }
}
