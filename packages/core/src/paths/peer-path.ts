/**
 * The way to one peer: when to look for a direct path, which path data takes, what people are told.
 *
 * States and events are in transitions.ts. Timers drive discovery, never packets: while a session lasts
 * without a trusted direct path a search runs (search.ts); with one there is a heartbeat every 3 s and, if
 * the path could be better, a round every 60 s. Only a pong to our own ping moves the path.
 */
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { type DirectPath, type Path, type RegionId, samePath } from '../engines/paths.js';
import type { Machine, Random } from '../ports.js';
import { Announcer } from './announcer.js';
import type { Candidate, CandidateTable } from './candidates.js';
import { Choice, isCondemned } from './choice.js';
import { Discovery } from './discovery.js';
import type { PeerPathInput, PeerPathOutput } from './peer-path-io.js';
import { PersonPings } from './person-pings.js';
import { Search } from './search.js';
import {
  hasPath,
  inSession,
  isTrusted,
  nextPathState,
  type PathEvent,
  type PathState,
} from './transitions.js';

/** Since the last packet to the peer; afterwards nobody is kept awake for it. */
export const sessionMs = 45_000;
/** Ping of the path in use: two fit into the trust, and NAT mappings (30 s) stay open. */
export const heartbeatMs = 3000;

export interface PeerPathOptions {
  readonly random: Random;
  /** Shared by all peers. */
  readonly counters: Counters;
}

export class PeerPath implements Machine<PeerPathInput, PeerPathOutput> {
  readonly #counters: Counters;
  readonly #outputs: PeerPathOutput[] = [];
  readonly #discovery: Discovery;
  readonly #search: Search;
  readonly #choice: Choice;
  readonly #announcer: Announcer;
  readonly #personPings: PersonPings;

  #state: PathState = 'idle';
  #relay: RegionId | undefined;

  /** Nothing was sent: the session is over. */
  #sessionEndsAt: Instant | undefined;
  /** Ping the path in use. */
  #heartbeatAt: Instant | undefined;

  constructor(options: PeerPathOptions) {
    this.#counters = options.counters;
    const emit = (output: PeerPathOutput): void => void this.#outputs.push(output);
    this.#discovery = new Discovery({ ...options, emit });
    this.#search = new Search(this.#discovery);
    this.#announcer = new Announcer(emit);
    this.#personPings = new PersonPings(emit);
    this.#choice = new Choice(this.#discovery.candidates);
  }

  get state(): PathState {
    return this.#state;
  }

  get candidates(): CandidateTable {
    return this.#discovery.candidates;
  }

  /** The region through which the peer is reached. */
  get relay(): RegionId | undefined {
    return this.#relay;
  }

  /** The way that data surely takes: direct only while trusted, else the relay. */
  get path(): Path | undefined {
    return isTrusted(this.#state) ? this.#choice.best?.path : this.#relayPath();
  }

  /** Smoothed round trip of the trusted path. */
  get latencyMs(): number | undefined {
    return isTrusted(this.#state) ? this.#choice.best?.quality.latencyMs : undefined;
  }

  /** True when `transactionId` is a ping of ours to this peer that waits for its pong. */
  awaits(transactionId: Uint8Array): boolean {
    return this.#discovery.pings.has(transactionId);
  }

  handle(input: PeerPathInput, now: Instant): void {
    this.#runTimers(now);
    switch (input.type) {
      case 'map-endpoints':
        this.candidates.setFromMap(input.paths, now);
        this.#hurryRound(now);
        break;
      case 'relay':
        this.#setRelay(input.regionId, now);
        break;
      case 'can-ping':
        this.#discovery.canPing = input.canPing;
        this.#hurryRound(now);
        break;
      case 'reset':
        this.#reset(input.cause, now);
        break;
      case 'own-endpoints-changed':
        if (this.#isLooking()) this.#discovery.call(now);
        break;
      case 'sent':
        this.#dataSent(now);
        break;
      case 'person-ping':
        this.#personPing(input.id, now);
        break;
      case 'ping-received':
        if (this.#discovery.learn(input.path, this.#isLooking(), now)) this.#verify(now);
        break;
      case 'pong-received':
        this.#pong(input, now);
        break;
      case 'call-me-maybe':
        this.#discovery.answerCall(input.paths, now);
        this.#verify(now);
        break;
      case 'authenticated':
        this.#authenticated(input.path, now);
        break;
      case 'unreachable':
        this.#unreachable(input.path, now);
        break;
      case 'removed':
        this.#personPings.refuseAll();
        this.#announcer.report(undefined, 'netmap');
        break;
      case 'timeout':
        break;
    }
    this.#publish();
  }

  poll(): PeerPathOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    const watched = inSession(this.#state) && this.#choice.best !== undefined;
    return earliest(
      this.#sessionEndsAt,
      this.#heartbeatAt,
      this.#search.nextTimeout(),
      this.#choice.trustEndsAt,
      this.#discovery.pings.nextTimeout(),
      this.#discovery.callBack.nextTimeout(),
      this.#personPings.nextTimeout(),
      watched ? this.#choice.suspicion.nextTimeout() : undefined,
      watched ? this.#choice.carriage.nextTimeout() : undefined,
    );
  }

  /** In a session, and without a direct path to rely on. */
  #isLooking(): boolean {
    return inSession(this.#state) && !isTrusted(this.#state);
  }

  #runTimers(now: Instant): void {
    const due = (at: Instant | undefined): boolean => at !== undefined && now >= at;
    if (due(this.#sessionEndsAt)) this.#endSession(now);
    for (const ping of this.#discovery.pings.expire(now)) this.#pingLost(ping.path, now);
    this.#personPings.expire(now);
    if (due(this.#choice.trustEndsAt)) this.#loseTrust('trust-expired', now);
    this.#watch(now);
    if (due(this.#heartbeatAt)) this.#heartbeat(now);
    if (this.#discovery.callBack.takeDue(now)) this.#discovery.call(now);
    this.#search.runTimers(now);
  }

  #keepSession(now: Instant): void {
    this.#sessionEndsAt = after(now, sessionMs);
    if (inSession(this.#state)) return;
    // A path trusted from before has spent an unknown part of its trust: renew it at once.
    this.#heartbeatAt = isTrusted(this.#state) ? now : after(now, heartbeatMs);
    this.#go('session-started', now);
    if (this.#state === 'relayed') this.#report('activity');
  }

  #endSession(now: Instant): void {
    this.#sessionEndsAt = undefined;
    this.#heartbeatAt = undefined;
    this.#choice.calm();
    this.#go('session-ended', now);
  }

  #dataSent(now: Instant): void {
    this.#keepSession(now);
    if (this.#state !== 'direct' || this.#relay === undefined) return;
    this.#choice.suspicion.dataSent(now);
    this.#choice.carriage.dataSent(now);
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = after(now, heartbeatMs);
    const { best } = this.#choice;
    if (best === undefined || !this.#discovery.canPing) return;
    this.#discovery.ping(best.path, now);
    if (!isTrusted(this.#state)) return;
    this.#choice.suspicion.pinged(now);
    if (this.#discovery.wantsUpgrade(best, now)) this.#discovery.round(now);
  }

  /** News about the peer: if a path is looked for, don't wait for the next round. */
  #hurryRound(now: Instant): void {
    if (this.#isLooking()) this.#discovery.round(now);
  }

  /** The peer looks for a path or shows up elsewhere: ours may be dead although it is trusted. */
  #verify(now: Instant): void {
    const { best, suspicion } = this.#choice;
    if (this.#state !== 'direct' || best === undefined) return;
    this.#discovery.ping(best.path, now);
    suspicion.pinged(now);
  }

  /** Early warnings about the path in use. */
  #watch(now: Instant): void {
    const { best, suspicion, carriage } = this.#choice;
    if (!inSession(this.#state) || best === undefined) return;
    for (let action = suspicion.due(now); action !== undefined; action = suspicion.due(now)) {
      if (action === 'ping') this.#discovery.ping(best.path, now);
      else if (isTrusted(this.#state)) this.#loseTrust('suspected-loss', now);
    }
    if (carriage.due(now) !== 'doubt') return;
    this.#choice.distrust();
    this.#go('trust-lost', now);
    this.#report('data-unanswered');
  }

  #pong(pong: Extract<PeerPathInput, { type: 'pong-received' }>, now: Instant): void {
    const { pings } = this.#discovery;
    const ping = pings.find(pong.transactionId);
    if (ping === undefined || ping.path.kind !== pong.via.kind) {
      this.#counters.add(ping === undefined ? 'pong-unknown' : 'pong-wrong-carrier');
      return;
    }
    if (ping.path.kind === 'direct' && !samePath(ping.path, pong.via)) {
      // Somebody on the way may have carried our ping elsewhere: the peer answered, the path didn't.
      this.#counters.add('pong-from-other-source');
      return;
    }
    pings.take(pong.transactionId);
    const latencyMs = Math.max(0, pong.receivedAt - ping.sentAt);
    if (ping.personId !== undefined) {
      this.#personPings.answered(ping.personId, ping.path, latencyMs);
    }
    if (ping.path.kind !== 'direct') return;
    this.#outputs.push({ type: 'observed', path: ping.path, observed: pong.observed });
    const candidate = this.candidates.get(ping.path);
    if (candidate === undefined) {
      this.#counters.add('pong-for-dropped-candidate');
      return;
    }
    candidate.quality.answered(latencyMs);
    candidate.answeredAt = now;
    this.#discovery.callBack.answered(now);
    this.#judge(candidate, now);
  }

  /** `candidate` has just answered: does data move to it? */
  #judge(candidate: Candidate, now: Instant): void {
    const choice = this.#choice;
    if (choice.carriage.doubted) {
      // Pings pass, that is known: they say nothing about the data in doubt.
      if (candidate === choice.best) choice.suspicion.answered(candidate.quality.latencyMs ?? 0);
    } else if (candidate === choice.best) {
      this.#prove('pong', now, now);
    } else if (isCondemned(candidate, now)) {
      this.#counters.add('pong-for-condemned-candidate');
    } else if (!isTrusted(this.#state) || choice.isBeatenBy(candidate)) {
      const cause = isTrusted(this.#state) ? 'better-pong' : 'pong';
      choice.adopt(candidate);
      this.#prove(cause, now, now);
    }
  }

  #prove(cause: string, answeredAt: Instant, now: Instant): void {
    this.#choice.trust(answeredAt);
    this.#go('path-proven', now);
    this.#report(cause);
  }

  /** Another path that answered a moment ago takes over, if there is one. */
  #fallBack(cause: string, now: Instant): boolean {
    const { best, suspicion } = this.#choice;
    const other = this.#choice.runnerUp(now);
    if (other?.answeredAt === undefined) return false;
    if (best !== undefined) best.answeredAt = undefined;
    this.#choice.adopt(other);
    this.#prove(cause, other.answeredAt, now);
    this.#discovery.ping(other.path, now);
    suspicion.pinged(now);
    return true;
  }

  #loseTrust(cause: string, now: Instant): void {
    if (this.#fallBack(cause, now)) return;
    this.#choice.distrust();
    this.#choice.carriage.reset();
    this.#go('trust-lost', now);
    if (inSession(this.#state)) this.#report(cause);
  }

  #losePath(cause: string, now: Instant): void {
    if (this.#fallBack(cause, now)) return;
    this.#choice.adopt(undefined);
    this.#go('path-lost', now);
    this.#report(cause);
  }

  #pingLost(path: Path, now: Instant): void {
    if (path.kind !== 'direct') return;
    const candidate = this.candidates.get(path);
    if (candidate === undefined) return;
    candidate.quality.lost();
    if (candidate === this.#choice.best && !isTrusted(this.#state)) {
      this.#losePath('ping-timeout', now);
    }
  }

  #unreachable(path: DirectPath, now: Instant): void {
    const candidate = this.candidates.get(path);
    if (candidate === undefined) return;
    candidate.forgetHistory();
    candidate.askedAt = now;
    if (candidate === this.#choice.best) this.#losePath('unreachable', now);
  }

  #authenticated(path: Path, now: Instant): void {
    const { best, carriage, suspicion } = this.#choice;
    if (best === undefined) return;
    if (carriage.authenticated(path.kind === 'relay')) {
      this.#choice.condemn(now);
      this.#losePath('data-not-carried', now);
    } else if (samePath(path, best.path)) {
      suspicion.authenticated();
    }
  }

  #reset(cause: string, now: Instant): void {
    this.#discovery.forgetHistory();
    if (hasPath(this.#state)) this.#losePath(cause, now);
    if (this.#isLooking()) this.#search.start(now);
  }

  #personPing(id: number, now: Instant): void {
    const relay = this.#relayPath();
    const trusted = isTrusted(this.#state) ? this.#choice.best : undefined;
    const targets = trusted === undefined ? [...this.candidates] : [trusted];
    if (!this.#discovery.canPing || (targets.length === 0 && relay === undefined)) {
      this.#personPings.refuse(id);
      this.#keepSession(now);
      return;
    }
    this.#personPings.start(id, now);
    if (trusted === undefined && relay !== undefined) this.#discovery.ping(relay, now, id);
    for (const candidate of targets) this.#discovery.ask(candidate, now, id);
    if (trusted === undefined && targets.length > 0) this.#discovery.call(now);
    this.#keepSession(now);
  }

  #setRelay(regionId: RegionId | undefined, now: Instant): void {
    if (regionId === this.#relay) return;
    const first = this.#relay === undefined;
    this.#relay = regionId;
    this.#discovery.canCall = regionId !== undefined;
    if (inSession(this.#state)) this.#report('relay-changed');
    if (first) this.#hurryRound(now);
  }

  #relayPath(): Path | undefined {
    return this.#relay === undefined ? undefined : { kind: 'relay', regionId: this.#relay };
  }

  #go(event: PathEvent, now: Instant): void {
    const before = this.#state;
    this.#state = nextPathState(before, event);
    if (!this.#isLooking()) this.#search.stop();
    else if (this.#state !== before) this.#search.start(now);
  }

  /** A change of {@link path} that people should hear of. */
  #report(cause: string): void {
    this.#announcer.report(this.path, cause);
  }

  /** Says where data goes, if that changed. */
  #publish(): void {
    const direct = hasPath(this.#state) ? this.#choice.best?.path : undefined;
    const relay = isTrusted(this.#state) ? undefined : this.#relayPath();
    this.#announcer.publish([direct, relay].filter((path) => path !== undefined));
  }
}
