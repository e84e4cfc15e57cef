/**
 * Which way packets to a peer take: the direct path in use, how far it is trusted, and the relay.
 *
 * Owns the state of transitions.ts. A candidate that answered takes over when there is nothing trusted or when
 * it is clearly better; when trust ends, the relay carries, together with another one that answered a moment ago
 * if there is one.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { Path, RegionId } from '../engines/paths.js';
import { Announcer } from './announcer.js';
import type { Candidate } from './candidates.js';
import { Choice, isCondemned } from './choice.js';
import type { Discovery } from './discovery.js';
import type { PeerPathOutput } from './peer-path-io.js';
import type { Search } from './search.js';
import {
  hasPath,
  inSession,
  isTrusted,
  nextPathState,
  type PathEvent,
  type PathState,
} from './transitions.js';

export interface WayOptions {
  readonly counters: Counters;
  readonly discovery: Discovery;
  /** Runs while a direct path is looked for. */
  readonly search: Search;
  readonly emit: (output: PeerPathOutput) => void;
}

export class Way {
  /** The region through which the peer is reached. */
  relay: RegionId | undefined;
  /** The candidate in use, and what speaks against it. */
  readonly choice: Choice;
  readonly #counters: Counters;
  readonly #discovery: Discovery;
  readonly #search: Search;
  readonly #announcer: Announcer;
  #state: PathState = 'idle';

  constructor(options: WayOptions) {
    this.#counters = options.counters;
    this.#discovery = options.discovery;
    this.#search = options.search;
    this.#announcer = new Announcer(options.emit);
    this.choice = new Choice(options.discovery.candidates);
  }

  get state(): PathState {
    return this.#state;
  }

  get inSession(): boolean {
    return inSession(this.#state);
  }

  get isTrusted(): boolean {
    return isTrusted(this.#state);
  }

  /** In a session, and without a direct path to rely on. */
  get isLooking(): boolean {
    return this.inSession && !this.isTrusted;
  }

  /** The way that data surely takes: direct only while trusted, else the relay. */
  get path(): Path | undefined {
    return this.isTrusted ? this.choice.best?.path : this.relayPath;
  }

  /** Smoothed round trip of the trusted path. */
  get latencyMs(): number | undefined {
    return this.isTrusted ? this.choice.best?.quality.latencyMs : undefined;
  }

  get relayPath(): Path | undefined {
    return this.relay === undefined ? undefined : { kind: 'relay', regionId: this.relay };
  }

  /** `candidate` has just answered: does data move to it? */
  judge(candidate: Candidate, now: Instant): void {
    const { choice } = this;
    if (choice.carriage.doubted) {
      // Pings pass, that is known: they say nothing about the data in doubt.
      if (candidate !== choice.best) return;
      choice.suspicion.answered(candidate.quality.latencyMs ?? 0);
      choice.carriage.answered(now);
    } else if (candidate === choice.best) {
      this.#prove('pong', now);
    } else if (isCondemned(candidate, now)) {
      this.#counters.add('pong-for-condemned-candidate');
    } else if (!this.isTrusted || choice.isBeatenBy(candidate)) {
      const cause = this.isTrusted ? 'better-pong' : 'pong';
      choice.adopt(candidate);
      this.#prove(cause, now);
    }
  }

  #prove(cause: string, now: Instant): void {
    this.choice.trust(now);
    this.go('path-proven', now);
    this.report(cause);
  }

  /**
   * Another path that answered a moment ago takes over, if there is one. The relay carries too until it answers
   * again: what took one path from us has often taken all of them, and each would cost as long to be found out.
   */
  #fallBack(cause: string, now: Instant): boolean {
    const { best, suspicion } = this.choice;
    const other = this.choice.runnerUp(now);
    if (other === undefined) return false;
    if (best !== undefined) best.answeredAt = undefined;
    this.choice.adopt(other);
    this.go('trust-lost', now);
    this.#discovery.ping(other.path, now);
    suspicion.pinged(now);
    if (this.inSession) this.report(cause);
    return true;
  }

  /** The path in use can't be relied on any more: it carries on together with the relay. */
  loseTrust(cause: string, now: Instant): void {
    if (this.#fallBack(cause, now)) return;
    this.choice.distrust();
    this.choice.carriage.reset();
    this.go('trust-lost', now);
    if (this.inSession) this.report(cause);
  }

  /** The path in use is gone. */
  losePath(cause: string, now: Instant): void {
    if (this.#fallBack(cause, now)) return;
    this.choice.adopt(undefined);
    this.go('path-lost', now);
    this.report(cause);
  }

  /** Takes an event of transitions.ts. */
  go(event: PathEvent, now: Instant): void {
    const before = this.#state;
    this.#state = nextPathState(before, event);
    if (!this.isLooking) this.#search.stop();
    else if (this.#state !== before) this.#search.start(now);
  }

  /** A change of {@link path} that people should hear of. */
  report(cause: string): void {
    this.#announcer.report(this.path, cause);
  }

  /** The peer is no more. */
  reportGone(): void {
    this.#announcer.report(undefined, 'netmap');
  }

  /** Says where data goes, if that changed. */
  publish(): void {
    const direct = hasPath(this.#state) ? this.choice.best?.path : undefined;
    const relay = this.isTrusted ? undefined : this.relayPath;
    this.#announcer.publish([direct, relay].filter((path) => path !== undefined));
  }
}
