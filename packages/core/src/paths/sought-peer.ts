/** One peer that is, or was, sought by its ports: when the next attempt may begin, and what came of the last. */
import { after, type Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import { type DirectPath, type Path, samePath } from '../engines/paths.js';
import type { AttemptFailure } from './attempt-io.js';
import type { CampaignKind } from './campaign.js';
import type { PortAttempt } from './port-attempt.js';
import { searchSocketsFrom } from './running-attempts.js';

/** After a failed attempt; twice as long after each further one. */
const pauseMs = 2000;
const pauseMaxMs = 600_000;
/** Plans of a peer that are answered. */
const answered = { burst: 4, perSecond: 0.25 };

/** `birthday`: a scatter took part, on either side. */
export type PortMethod = 'predict' | 'birthday';

/** What came of the attempts with a peer. */
export interface PortSearchRecord {
  readonly attempts: number;
  readonly lastAt: Instant | undefined;
  readonly outcome: AttemptFailure | 'found' | 'running' | undefined;
  /** What the last attempt did; undefined: it came to no plan. */
  readonly kind: CampaignKind | undefined;
  /** Of the last attempt that came to plans. */
  readonly method: PortMethod | undefined;
  /** Pings that the last attempt sent. */
  readonly pings: number;
  /** Of the last attempt, that listed guesses of our own ports. */
  readonly calls: number;
  /** When the next may begin, if the peer is looked for. */
  readonly dueAt: Instant;
  readonly isLooking: boolean;
}

export class SoughtPeer implements PortSearchRecord {
  isLooking: boolean;
  dueAt: Instant;
  /** In a row. */
  failures = 0;
  attempts = 0;
  lastAt: Instant | undefined;
  outcome: PortSearchRecord['outcome'];
  kind: CampaignKind | undefined;
  method: PortMethod | undefined;
  pings = 0;
  calls = 0;
  /** It has sent a plan, whatever came of that. */
  knowsPlans = false;
  /** Pings that the allowance gave to the last plan. */
  afforded = 0;
  /** Attempts since the last success that sent pings to open our NAT. */
  openings = 0;
  /** The path that the last success led to. */
  found: DirectPath | undefined;
  readonly #plans = new TokenBucket(answered.burst, answered.perSecond);

  constructor(isLooking: boolean, dueAt: Instant) {
    this.isLooking = isLooking;
    this.dueAt = dueAt;
  }

  /** False: it has sent us plans too often. */
  takePlan(now: Instant): boolean {
    return this.#plans.take(now);
  }

  begun(now: Instant): void {
    this.attempts++;
    this.lastAt = now;
    this.outcome = 'running';
  }

  /** With what the attempt under way has done so far. */
  during(attempt: PortAttempt): PortSearchRecord {
    const { attempts, lastAt, outcome, dueAt, isLooking } = this;
    const { campaign, pings, calls, ours, theirs } = attempt;
    const isBirthday = ours?.kind === 'scatter' || theirs?.kind === 'scatter';
    const method = isBirthday ? 'birthday' : 'predict';
    const kind = campaign?.kind;
    return { attempts, lastAt, outcome, kind, method, pings, calls, dueAt, isLooking };
  }

  /** `failure` undefined: the peer is reached. */
  ended(attempt: PortAttempt, failure: AttemptFailure | undefined, now: Instant): void {
    const { ours, theirs, campaign, pings } = attempt;
    this.outcome = failure ?? 'found';
    this.kind = campaign?.kind;
    this.pings = pings;
    this.calls = attempt.calls;
    if (ours !== undefined && theirs !== undefined) {
      const isBirthday = ours.kind === 'scatter' || theirs.kind === 'scatter';
      this.method = isBirthday ? 'birthday' : 'predict';
    }
    if (failure === undefined) {
      this.failures = 0;
      this.openings = 0;
      return;
    }
    if (campaign?.kind === 'open' && pings > 0) this.openings++;
    this.dueAt = after(now, Math.min(pauseMs * 2 ** this.failures, pauseMaxMs));
    this.failures++;
  }

  /** How the port of a path to the peer was found; undefined: by pings alone. */
  methodOf(path: Path): PortMethod | undefined {
    if (path.kind !== 'direct') return undefined;
    const isFound = this.found !== undefined && samePath(this.found, path);
    return isFound || path.socketId >= searchSocketsFrom ? (this.method ?? 'predict') : undefined;
  }
}
