/**
 * The addresses at which one peer may be reached, where each came from, and how it did.
 *
 * A candidate lives as long as something vouches for it: the network map lists it, the peer's latest
 * call-me-maybe lists it, a ping came from it or it answered one of ours within 45 s, or data uses it.
 * Every source has its own limit, so a peer that floods one can't push out what another says.
 */
import type { Instant } from '../base/instant.js';
import type { DirectPath } from '../engines/paths.js';
import { PathQuality } from './quality.js';

/** Candidates taken from one list (network map, call-me-maybe): more than any honest host has. */
export const maxListedCandidates = 32;
/** Candidates learnt from the source of pings; the one unheard for longest makes room. */
export const maxLearntCandidates = 16;
/** All of one peer: both lists, the learnt ones, and the one in use. */
export const maxCandidates = 2 * maxListedCandidates + maxLearntCandidates + 1;
/** As long as a session lasts after its last packet: what was heard before belongs to an older place. */
export const vouchMs = 45_000;
/** Longer than any way round the earth, a satellite's included. */
export const lateAnswerMs = 1000;

/** One address of the peer, seen from one of our sockets. */
export class Candidate {
  readonly path: DirectPath;
  inMap = false;
  inCallMeMaybe = false;
  /** When the peer last pinged us from here. */
  pingedUsAt: Instant | undefined;
  /** When we last sent a discovery ping here. */
  askedAt: Instant | undefined;
  /** When we last answered a ping from here with one of our own. */
  triggeredAt: Instant | undefined;
  /** When it last answered one of our pings. */
  answeredAt: Instant | undefined;
  /** Until then no data goes here: pings pass and data does not. */
  condemnedUntil: Instant | undefined;
  /** Pings that we sent here, and pongs that came back; for people. */
  pings = 0;
  pongs = 0;
  /** The operating system refused to send here. */
  isRefused = false;
  #answeredLate = false;
  quality = new PathQuality();

  constructor(path: DirectPath) {
    this.path = path;
  }

  /**
   * Notes how long an answer took; true: it has to come once more before data follows, for somebody on the way may
   * have kept our ping and its answer for a while. A path that is really so slow answers late twice.
   */
  isTooLate(latencyMs: number): boolean {
    const wasLate = this.#answeredLate;
    this.#answeredLate = latencyMs >= lateAnswerMs;
    return this.#answeredLate && !wasLate;
  }

  /** Forgets how it did, not where it came from: the network or the process behind it changed. */
  forgetHistory(): void {
    this.askedAt = undefined;
    this.triggeredAt = undefined;
    this.answeredAt = undefined;
    this.condemnedUntil = undefined;
    this.pings = 0;
    this.pongs = 0;
    this.isRefused = false;
    this.quality = new PathQuality();
  }
}

const keyOf = (path: DirectPath): string => `${path.socketId} ${path.remote}`;

function within(at: Instant | undefined, now: Instant): boolean {
  return at !== undefined && now - at < vouchMs;
}

export class CandidateTable {
  readonly #candidates = new Map<string, Candidate>();
  #inUse: Candidate | undefined;

  /** The candidate that carries data is never dropped. */
  set inUse(candidate: Candidate | undefined) {
    this.#inUse = candidate;
  }

  get size(): number {
    return this.#candidates.size;
  }

  get(path: DirectPath): Candidate | undefined {
    return this.#candidates.get(keyOf(path));
  }

  [Symbol.iterator](): Iterator<Candidate> {
    return this.#candidates.values();
  }

  /** Replaces what the network map says; at most {@link maxListedCandidates} are taken. */
  setFromMap(paths: readonly DirectPath[], now: Instant): void {
    for (const candidate of this) candidate.inMap = false;
    for (const path of paths.slice(0, maxListedCandidates)) this.#take(path).inMap = true;
    this.expire(now);
  }

  /** Replaces what earlier call-me-maybes said; returns the candidates listed now. */
  setFromCallMeMaybe(paths: readonly DirectPath[], now: Instant): Candidate[] {
    for (const candidate of this) candidate.inCallMeMaybe = false;
    const listed = paths.slice(0, maxListedCandidates).map((path) => this.#take(path));
    for (const candidate of listed) candidate.inCallMeMaybe = true;
    this.expire(now);
    return listed;
  }

  /** A ping came from `path`: the peer is, or was, reachable there. */
  learn(path: DirectPath, now: Instant): Candidate {
    const candidate = this.#take(path);
    candidate.pingedUsAt = now;
    this.#limitLearnt();
    return candidate;
  }

  /** Drops what nothing vouches for any more. */
  expire(now: Instant): void {
    for (const [key, candidate] of this.#candidates) {
      if (this.#isListed(candidate) || candidate === this.#inUse) continue;
      if (within(candidate.pingedUsAt, now) || within(candidate.answeredAt, now)) continue;
      this.#candidates.delete(key);
    }
    this.#limitLearnt();
  }

  #take(path: DirectPath): Candidate {
    const key = keyOf(path);
    let candidate = this.#candidates.get(key);
    if (candidate === undefined) {
      candidate = new Candidate(path);
      this.#candidates.set(key, candidate);
    }
    return candidate;
  }

  #isListed(candidate: Candidate): boolean {
    return candidate.inMap || candidate.inCallMeMaybe;
  }

  /** Of the candidates that no list names, keeps those that were heard last. */
  #limitLearnt(): void {
    const lastHeard = (candidate: Candidate): number =>
      Math.max(candidate.pingedUsAt ?? -Infinity, candidate.answeredAt ?? -Infinity);
    const learnt = [...this.#candidates].filter(
      ([, candidate]) => !this.#isListed(candidate) && candidate !== this.#inUse,
    );
    if (learnt.length <= maxLearntCandidates) return;
    learnt.sort(([, a], [, b]) => lastHeard(b) - lastHeard(a));
    for (const [key] of learnt.slice(maxLearntCandidates)) this.#candidates.delete(key);
  }
}
