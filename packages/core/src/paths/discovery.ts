/**
 * Looking for direct paths to one peer: which candidate is pinged when, and when the peer is called.
 *
 * A round pings every candidate that was not pinged lately and then sends call-me-maybe over the relay:
 * our pings have opened our NAT towards the peer's addresses, and the call makes the peer ping ours. What
 * decides that a round is due is the peer machine (peer-path.ts).
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import type { DirectPath, Path } from '../engines/paths.js';
import type { Random } from '../ports.js';
import { CallBack } from './call-back.js';
import { type Candidate, CandidateTable } from './candidates.js';
import type { PeerPathOutput } from './peer-path-io.js';
import { PingsInFlight } from './pings.js';

/** Between discovery pings to one candidate. */
export const candidateGapMs = 5000;
/** A full round although the path works, to find a better one. */
export const upgradeMs = 60_000;
/** The same when the path loses packets. */
const lossyUpgradeMs = 10_000;
/** Share of lost pings from which a path counts as losing packets. */
const lossyShare = 0.2;
/** At or below this round trip nothing better is looked for. */
const goodEnoughMs = 5;
/** Calls to the peer: a few at once when things change, then one a round. */
const callBurst = 3;
/** Calls we follow: official peers send one a round; more would make us somebody's reflector. */
const followedCalls = { burst: 3, perSecond: 1 };
/** Pings that a ping from a new place makes us send: an honest peer has few places. */
const triggeredPings = { burst: 16, perSecond: 4 };

export interface DiscoveryOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly emit: (output: PeerPathOutput) => void;
}

export class Discovery {
  readonly candidates = new CandidateTable();
  readonly pings: PingsInFlight;
  readonly callBack = new CallBack();
  /** Since the network last changed; for people. */
  callsSent = 0;
  callsReceived = 0;
  /** The peer has a disco key. */
  canPing = false;
  /** The peer has a relay. */
  canCall = false;

  readonly #counters: Counters;
  readonly #emit: (output: PeerPathOutput) => void;
  readonly #calls = new TokenBucket(callBurst, 1000 / candidateGapMs);
  readonly #followed = new TokenBucket(followedCalls.burst, followedCalls.perSecond);
  readonly #triggered = new TokenBucket(triggeredPings.burst, triggeredPings.perSecond);
  #lastRoundAt: Instant | undefined;

  constructor(options: DiscoveryOptions) {
    this.#counters = options.counters;
    this.#emit = options.emit;
    this.pings = new PingsInFlight(options.random);
  }

  /** Sends one ping; `personId`: its pong answers a person too. */
  ping(path: Path, now: Instant, personId?: number): void {
    const transactionId = this.pings.start(path, now, personId);
    const candidate = path.kind === 'direct' ? this.candidates.get(path) : undefined;
    if (candidate !== undefined) candidate.pings++;
    this.#emit({ type: 'ping', path, transactionId });
  }

  /** Pings a candidate for discovery. */
  ask(candidate: Candidate, now: Instant, personId?: number): void {
    candidate.askedAt = now;
    this.ping(candidate.path, now, personId);
  }

  /** A round on our own initiative; candidates pinged less than `gapMs` ago are left out. */
  round(now: Instant, gapMs: number = candidateGapMs): void {
    if (!this.canPing) return;
    this.#lastRoundAt = now;
    this.candidates.expire(now);
    let asked = 0;
    for (const candidate of this.candidates) {
      if (candidate.askedAt !== undefined && now - candidate.askedAt < gapMs) continue;
      this.ask(candidate, now);
      asked++;
    }
    // Two peers that know no address of each other must call all the same, or both would wait.
    if (asked > 0 || this.candidates.size === 0) this.call(now);
  }

  /** Tells the peer our endpoints, if that was not done just now. */
  call(now: Instant): void {
    if (!this.canPing || !this.canCall) return;
    if (!this.#calls.take(now)) {
      this.#counters.add('call-me-maybe-held-back');
      return;
    }
    this.callsSent++;
    this.#emit({ type: 'call-me-maybe' });
  }

  /** The peer calls: ping every candidate at once. It is called back only if it does not reach us then. */
  answerCall(paths: readonly DirectPath[], now: Instant): void {
    if (!this.#followed.take(now)) {
      this.#counters.add('call-me-maybe-too-often');
      return;
    }
    this.callsReceived++;
    this.candidates.setFromCallMeMaybe(paths, now);
    if (!this.canPing) return;
    for (const candidate of this.candidates) this.ask(candidate, now);
    this.callBack.followed(now);
  }

  /**
   * The peer reached us from `path`. Its side is open there, so when a path is `wanted` our ping may pass
   * now although an earlier one did not; a place that is new altogether is always tried. True: it is new.
   */
  learn(path: DirectPath, wanted: boolean, now: Instant): boolean {
    this.callBack.heard(now);
    const candidate = this.candidates.learn(path, now);
    const isNew = candidate.askedAt === undefined;
    if (!this.canPing || !(wanted || isNew)) return false;
    const before = candidate.triggeredAt;
    if (before !== undefined && now - before < candidateGapMs) return false;
    if (!this.#triggered.take(now)) {
      this.#counters.add('triggered-ping-held-back');
      return false;
    }
    candidate.triggeredAt = now;
    this.ask(candidate, now);
    return isNew;
  }

  /** True when a round is due although `best` works. */
  wantsUpgrade(best: Candidate, now: Instant): boolean {
    if (this.#lastRoundAt === undefined) return true;
    const sinceMs = now - this.#lastRoundAt;
    if (best.quality.loss >= lossyShare && sinceMs >= lossyUpgradeMs) return true;
    return (best.quality.latencyMs ?? 0) > goodEnoughMs && sinceMs >= upgradeMs;
  }

  /** Forgets pings and how candidates did: the network changed under them. */
  forgetHistory(): void {
    this.pings.forget();
    this.callsSent = 0;
    this.callsReceived = 0;
    this.#lastRoundAt = undefined;
    for (const candidate of this.candidates) candidate.forgetHistory();
  }
}
