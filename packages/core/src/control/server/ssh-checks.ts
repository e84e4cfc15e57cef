/**
 * SSH sessions that wait for a person: an ssh rule with `check` lets them in after somebody said yes, and for
 * the rule's period without asking again.
 *
 *     waiting --approved--> over; remembered for this source, target and login name
 *       waiting --rejected, or 15 minutes are over--> over
 *
 * Only the target machine can ask, so a source can make few: those of its target and login name are one.
 */
import { after, type Instant, type WallTime } from '../../base/instant.js';
import type { NodeKey } from '../../keys/keys.js';
import type { Random } from '../../ports.js';
import { randomLabel } from '../random-label.js';
import { loginIdCharacters } from './pending-logins.js';
import type { NodeId } from './state.js';

/** As a login: to call an operator takes a few minutes. */
export const sshCheckLifeMs = 15 * 60_000;
/** Waiting ones of one target machine; a machine that is asked more often is probed. */
export const checksPerTargetMax = 32;
/** Waiting ones of one server. */
export const sshChecksMax = 1024;
/** Approvals remembered; the oldest is forgotten, which costs a person another yes. */
const approvalsMax = 10_000;

export type SshCheckId = string;

/** Who wants in where. With another key it is asked anew. */
export interface SshSubject {
  readonly source: NodeId;
  readonly sourceKey: NodeKey;
  readonly target: NodeId;
  /** On the target. */
  readonly localUser: string;
}

export interface SshCheck extends SshSubject {
  readonly id: SshCheckId;
  readonly createdAt: WallTime;
  readonly endsAt: Instant;
}

export type SshCheckEnding = 'approved' | 'rejected' | 'expired';

export interface SshCheckEnded {
  readonly id: SshCheckId;
  readonly ending: SshCheckEnding;
}

const nameOf = ({ source, sourceKey, target, localUser }: SshSubject): string =>
  [source, sourceKey, target, localUser].join(' ');

export class SshChecks {
  readonly #random: Random;
  /** Oldest first: all live equally long. */
  readonly #checks = new Map<SshCheckId, SshCheck>();
  /** When a subject was approved last, the latest at the end. */
  readonly #approvals = new Map<string, Instant>();
  readonly #endings: SshCheckEnded[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#checks.size;
  }

  /** The check that waits for a subject, begun when there is none; undefined: too many wait. */
  open(subject: SshSubject, now: Instant, wall: WallTime): SshCheck | undefined {
    this.advance(now);
    const name = nameOf(subject);
    const waiting = [...this.#checks.values()];
    const same = waiting.find((check) => nameOf(check) === name);
    if (same !== undefined) return same;
    const ofTarget = waiting.filter(({ target }) => target === subject.target);
    if (waiting.length >= sshChecksMax || ofTarget.length >= checksPerTargetMax) return undefined;
    const id = randomLabel(this.#random, loginIdCharacters);
    const check = { ...subject, id, createdAt: wall, endsAt: after(now, sshCheckLifeMs) };
    this.#checks.set(id, check);
    return check;
  }

  /** Undefined: over, never there, or not guessed right. */
  find(id: SshCheckId, now: Instant): SshCheck | undefined {
    this.advance(now);
    return this.#checks.get(id);
  }

  /** True when a person said yes to this within the last `periodMs`. */
  isApproved(subject: SshSubject, periodMs: number, now: Instant): boolean {
    const approvedAt = this.#approvals.get(nameOf(subject));
    return approvedAt !== undefined && now < after(approvedAt, periodMs);
  }

  /** Those that wait, oldest first. */
  list(now: Instant): readonly SshCheck[] {
    this.advance(now);
    return [...this.#checks.values()];
  }

  /** A person's word; undefined: no such check waits. */
  decide(id: SshCheckId, isApproved: boolean, now: Instant): SshCheck | undefined {
    const check = this.find(id, now);
    if (check === undefined) return undefined;
    if (isApproved) this.#remember(nameOf(check), now);
    this.#end(id, isApproved ? 'approved' : 'rejected');
    return check;
  }

  /** Ends what has had its time. */
  advance(now: Instant): void {
    for (const check of this.#checks.values()) {
      if (check.endsAt > now) break;
      this.#end(check.id, 'expired');
    }
  }

  /** Waits that ended, each once. */
  poll(): SshCheckEnded | undefined {
    return this.#endings.shift();
  }

  nextTimeout(): Instant | undefined {
    const [oldest] = this.#checks.values();
    return oldest?.endsAt;
  }

  #remember(name: string, now: Instant): void {
    this.#approvals.delete(name);
    this.#approvals.set(name, now);
    const [oldest] = this.#approvals.keys();
    if (this.#approvals.size > approvalsMax && oldest !== undefined) this.#approvals.delete(oldest);
  }

  #end(id: SshCheckId, ending: SshCheckEnding): void {
    this.#checks.delete(id);
    this.#endings.push({ id, ending });
  }
}
