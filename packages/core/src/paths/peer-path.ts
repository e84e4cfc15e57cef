/**
 * The way to one peer: what happens to it, and when. Which way data takes is in way.ts.
 *
 * Timers drive discovery, never packets: while a session lasts without a trusted direct path a search runs
 * (search.ts); with one there is a heartbeat every 3 s and, if the path could be better, a round every 60 s.
 * Only a pong to our own ping moves the path.
 */
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { type DirectPath, type Path, type RegionId, samePath } from '../engines/paths.js';
import type { Machine, Random } from '../ports.js';
import type { Candidate, CandidateTable } from './candidates.js';
import { Discovery } from './discovery.js';
import type { PeerPathInput, PeerPathOutput } from './peer-path-io.js';
import { PersonPings } from './person-pings.js';
import { Search } from './search.js';
import { hasPath, type PathState } from './transitions.js';
import { Way } from './way.js';

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
  readonly #way: Way;
  readonly #personPings: PersonPings;

  /** Nothing was sent: the session is over. */
  #sessionEndsAt: Instant | undefined;
  /** Ping the path in use. */
  #heartbeatAt: Instant | undefined;

  constructor(options: PeerPathOptions) {
    this.#counters = options.counters;
    const emit = (output: PeerPathOutput): void => void this.#outputs.push(output);
    this.#discovery = new Discovery({ ...options, emit });
    this.#search = new Search(this.#discovery);
    this.#personPings = new PersonPings(emit);
    this.#way = new Way({
      counters: options.counters,
      discovery: this.#discovery,
      search: this.#search,
      emit,
    });
  }

  get state(): PathState {
    return this.#way.state;
  }

  /** Somebody talks to the peer, and there is no direct path to rely on. */
  get isLooking(): boolean {
    return this.#way.isLooking;
  }

  get candidates(): CandidateTable {
    return this.#discovery.candidates;
  }

  /** Calls to and from the peer since the network last changed. */
  get calls(): { readonly sent: number; readonly received: number } {
    return { sent: this.#discovery.callsSent, received: this.#discovery.callsReceived };
  }

  /** Since when a direct path is looked for; undefined: it is not. */
  get lookingSince(): Instant | undefined {
    return this.#search.since;
  }

  /** The candidate that data takes, or would take if it were trusted. */
  get best(): Candidate | undefined {
    return this.#way.choice.best;
  }

  /** The region through which the peer is reached. */
  get relay(): RegionId | undefined {
    return this.#way.relay;
  }

  /** The way that data surely takes: direct only while trusted, else the relay. */
  get path(): Path | undefined {
    return this.#way.path;
  }

  /** Smoothed round trip of the trusted path. */
  get latencyMs(): number | undefined {
    return this.#way.latencyMs;
  }

  /** Share of lost pings on the trusted path. */
  get loss(): number | undefined {
    return this.#way.isTrusted ? this.#way.choice.best?.quality.loss : undefined;
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
        if (this.#way.isLooking) this.#discovery.call(now);
        break;
      case 'sent':
        this.#dataSent(now);
        break;
      case 'person-ping':
        this.#personPing(input.id, now);
        break;
      case 'ping-received':
        if (this.#discovery.learn(input.path, this.#way.isLooking, now)) this.#verify(now);
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
        this.#way.reportGone();
        break;
      case 'timeout':
        break;
    }
    this.#way.publish();
  }

  poll(): PeerPathOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    const watched = this.#way.inSession && this.#way.choice.best !== undefined;
    return earliest(
      this.#sessionEndsAt,
      this.#heartbeatAt,
      this.#search.nextTimeout(),
      this.#way.choice.trustEndsAt,
      this.#discovery.pings.nextTimeout(),
      this.#discovery.callBack.nextTimeout(),
      this.#personPings.nextTimeout(),
      watched ? this.#way.choice.suspicion.nextTimeout() : undefined,
      watched ? this.#way.choice.carriage.nextTimeout() : undefined,
    );
  }

  #runTimers(now: Instant): void {
    const due = (at: Instant | undefined): boolean => at !== undefined && now >= at;
    if (due(this.#sessionEndsAt)) this.#endSession(now);
    for (const ping of this.#discovery.pings.expire(now)) this.#pingLost(ping.path, now);
    this.#personPings.expire(now);
    if (due(this.#way.choice.trustEndsAt)) this.#way.loseTrust('trust-expired', now);
    this.#watch(now);
    if (due(this.#heartbeatAt)) this.#heartbeat(now);
    if (this.#discovery.callBack.takeDue(now)) this.#discovery.call(now);
    this.#search.runTimers(now);
  }

  #keepSession(now: Instant): void {
    this.#sessionEndsAt = after(now, sessionMs);
    if (this.#way.inSession) return;
    // A path trusted from before has spent an unknown part of its trust: renew it at once.
    this.#heartbeatAt = this.#way.isTrusted ? now : after(now, heartbeatMs);
    this.#way.go('session-started', now);
    if (this.#way.state === 'relayed') this.#way.report('activity');
  }

  #endSession(now: Instant): void {
    this.#sessionEndsAt = undefined;
    this.#heartbeatAt = undefined;
    this.#way.choice.calm();
    this.#way.go('session-ended', now);
  }

  #dataSent(now: Instant): void {
    this.#keepSession(now);
    if (this.#way.state !== 'direct' || this.#way.relay === undefined) return;
    this.#way.choice.suspicion.dataSent(now);
    this.#way.choice.carriage.dataSent(now);
  }

  #heartbeat(now: Instant): void {
    this.#heartbeatAt = after(now, heartbeatMs);
    const { best } = this.#way.choice;
    if (best === undefined || !this.#discovery.canPing) return;
    this.#discovery.ping(best.path, now);
    if (!this.#way.isTrusted) return;
    this.#way.choice.suspicion.pinged(now);
    if (this.#discovery.wantsUpgrade(best, now)) this.#discovery.round(now);
  }

  /** News about the peer: if a path is looked for, don't wait for the next round. */
  #hurryRound(now: Instant): void {
    if (this.#way.isLooking) this.#discovery.round(now);
  }

  /** The peer looks for a path or shows up elsewhere: ours may be dead although it is trusted. */
  #verify(now: Instant): void {
    const { best, suspicion } = this.#way.choice;
    if (this.#way.state !== 'direct' || best === undefined) return;
    this.#discovery.ping(best.path, now);
    suspicion.pinged(now);
  }

  /** Early warnings about the path in use. */
  #watch(now: Instant): void {
    const { best, suspicion, carriage } = this.#way.choice;
    if (!this.#way.inSession || best === undefined) return;
    for (let action = suspicion.due(now); action !== undefined; action = suspicion.due(now)) {
      if (action === 'ping') this.#discovery.ping(best.path, now);
      else if (this.#way.isTrusted) this.#way.loseTrust('suspected-loss', now);
    }
    const verdict = carriage.due(now);
    if (verdict === 'doubt') {
      this.#way.choice.distrust();
      this.#way.go('trust-lost', now);
      this.#way.report('data-unanswered');
    } else if (verdict === 'condemn') {
      this.#way.choice.condemn(now);
      this.#way.losePath('data-not-carried', now);
    }
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
    const isInUse = this.#way.isTrusted && candidate === this.#way.choice.best;
    if (candidate.isTooLate(latencyMs) && !isInUse) {
      this.#counters.add('pong-late');
      this.#discovery.ask(candidate, now);
      return;
    }
    candidate.quality.answered(latencyMs);
    candidate.pongs++;
    candidate.answeredAt = now;
    this.#discovery.callBack.answered(now);
    this.#way.judge(candidate, now);
  }

  #pingLost(path: Path, now: Instant): void {
    if (path.kind !== 'direct') return;
    const candidate = this.candidates.get(path);
    if (candidate === undefined) return;
    candidate.quality.lost();
    if (candidate === this.#way.choice.best && !this.#way.isTrusted) {
      this.#way.losePath('ping-timeout', now);
    }
  }

  #unreachable(path: DirectPath, now: Instant): void {
    const candidate = this.candidates.get(path);
    if (candidate === undefined) return;
    candidate.forgetHistory();
    candidate.isRefused = true;
    candidate.askedAt = now;
    if (candidate === this.#way.choice.best) this.#way.losePath('unreachable', now);
  }

  #authenticated(path: Path, now: Instant): void {
    const { best, carriage, suspicion } = this.#way.choice;
    if (best === undefined) return;
    carriage.authenticated(path.kind === 'relay', now);
    if (samePath(path, best.path)) suspicion.authenticated();
  }

  #reset(cause: string, now: Instant): void {
    this.#discovery.forgetHistory();
    if (hasPath(this.#way.state)) this.#way.losePath(cause, now);
    if (this.#way.isLooking) this.#search.start(now);
  }

  #personPing(id: number, now: Instant): void {
    const relay = this.#way.relayPath;
    const trusted = this.#way.isTrusted ? this.#way.choice.best : undefined;
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
    if (regionId === this.#way.relay) return;
    const first = this.#way.relay === undefined;
    this.#way.relay = regionId;
    this.#discovery.canCall = regionId !== undefined;
    if (this.#way.inSession) this.#way.report('relay-changed');
    if (first) this.#hurryRound(now);
  }
}
