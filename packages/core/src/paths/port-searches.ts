/**
 * Which peer is sought by foretold ports, when, and what that may cost. One attempt (port-attempt.ts) runs at a time.
 *
 *     a peer is looked for and the usual pings failed for 1.5 s --> attempt --> found, or a pause that doubles
 *
 * An attempt costs one socket, a few STUN requests and at most 1,500 pings, 500 a second; ping-allowance.ts has
 * the sum. If our own NAT can't be foretold none is begun for ten minutes. A socket on which a peer was reached
 * stays open while its data or ours uses it (kept-sockets.ts).
 */
import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import type { Path, SocketId } from '../engines/paths.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { Random } from '../ports.js';
import { KeptSockets, type KeptSocketsOptions } from './kept-sockets.js';
import { PingAllowance } from './ping-allowance.js';
import { type AttemptFailure, PortAttempt, type PortAttemptOutput } from './port-attempt.js';
import type { Ports } from './port-plan.js';

/** Numbers of sockets from here on are those of attempts. */
export const searchSocketsFrom: SocketId = 1000;
/** Sockets kept open for paths; each is a peer. */
export const keptSocketsMax = 64;
/** What finds a path without this mostly has by then. */
const patienceMs = 1500;
/** After a failed attempt; twice as long after each further one. */
const pauseMs = 2000;
const pauseMaxMs = 600_000;
/** Our own NAT chooses at random: nothing to begin with, for anybody. */
const hopelessMs = 600_000;
/** Plans of a peer that are answered. */
const answered = { burst: 4, perSecond: 0.25 };
/** Of our mappings: as many as tell a small range from a large one. */
const portsConvincing = 8;
const portsRemembered = 16;
const ATTEMPT_BYTES = 8;

export type PortSearchOutput =
  | { readonly type: 'open-socket'; readonly socketId: SocketId }
  | { readonly type: 'close-socket'; readonly socketId: SocketId }
  | {
      readonly type: 'send';
      readonly socketId: SocketId;
      readonly remote: Endpoint;
      readonly bytes: Uint8Array;
    }
  /** A disco ping. */
  | {
      readonly type: 'probe';
      readonly peer: NodeKey;
      readonly socketId: SocketId;
      readonly remote: Endpoint;
    }
  /** To the peer over its relay. */
  | {
      readonly type: 'plan';
      readonly peer: NodeKey;
      readonly attempt: string;
      readonly isAnswer: boolean;
      readonly ports: Ports;
    };

/** What came of the last attempt with a peer. */
export interface PortSearchRecord {
  readonly attempts: number;
  readonly lastAt: Instant | undefined;
  readonly outcome: AttemptFailure | 'found' | 'running' | undefined;
}

interface Sought {
  isLooking: boolean;
  /** When an attempt may begin. */
  dueAt: Instant;
  failures: number;
  attempts: number;
  lastAt: Instant | undefined;
  outcome: PortSearchRecord['outcome'];
  readonly plans: TokenBucket;
}

export interface PortSearchesOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly ownKey: NodeKey;
  readonly emit: (output: PortSearchOutput, now: Instant) => void;
  readonly lastHeard: KeptSocketsOptions['lastHeard'];
}

export class PortSearches {
  readonly #options: PortSearchesOptions;
  /** Peers that are or were looked for; the engine removes those that left the network. */
  readonly #sought = new Map<NodeKey, Sought>();
  readonly #kept: KeptSockets;
  readonly #allowance = new PingAllowance();
  #active: { readonly peer: NodeKey; readonly attempt: PortAttempt } | undefined;
  #nextSocketId = searchSocketsFrom;
  #servers: readonly Endpoint[] = [];
  /** Ports of our mappings that servers saw lately, the newest last. */
  #seenPorts: readonly number[] = [];
  #hopelessUntil: Instant | undefined;
  /** The earliest that is due; the shell asks after every input, and there may be thousands of peers. */
  #dueAt: Instant | undefined;
  #isDueStale = true;

  constructor(options: PortSearchesOptions) {
    this.#options = options;
    const { lastHeard, emit } = options;
    const close = (socketId: SocketId, now: Instant): void =>
      emit({ type: 'close-socket', socketId }, now);
    this.#kept = new KeptSockets({ lastHeard, close });
  }

  /**
   * STUN servers that answered the last check, on different addresses; ports of mappings that they saw of ours.
   */
  setNetwork(servers: readonly Endpoint[], ports: readonly number[]): void {
    this.#servers = servers;
    this.#notePorts(ports);
  }

  /** What came of it so far; undefined: the peer was never looked for. */
  record(peer: NodeKey): PortSearchRecord | undefined {
    return this.#sought.get(peer);
  }

  /** Whether a direct path to the peer is looked for. */
  setLooking(peer: NodeKey, isLooking: boolean, now: Instant): void {
    const sought = this.#sought.get(peer);
    if (sought === undefined) {
      if (isLooking) this.#add(peer, true, now);
      return;
    }
    if (sought.isLooking === isLooking) return;
    sought.isLooking = isLooking;
    this.#isDueStale = true;
    if (isLooking) sought.dueAt = later(sought.dueAt, after(now, patienceMs));
  }

  /** Where the peer's data goes now: a socket of ours is kept while it is there, and then left. */
  pathChanged(peer: NodeKey, path: Path | undefined, now: Instant): void {
    const socketId = path?.kind === 'direct' ? path.socketId : undefined;
    this.#kept.use(peer, socketId, now);
    const active = this.#active;
    if (active?.peer !== peer || path?.kind !== 'direct') return;
    const { attempt } = active;
    this.#active = undefined;
    const sought = this.#sought.get(peer);
    if (sought !== undefined) {
      sought.failures = 0;
      sought.outcome = 'found';
    }
    if (attempt.socketId === socketId) this.#kept.keep(peer, attempt.socketId);
    else this.#kept.leave(peer, attempt.socketId, now);
  }

  /** A plan came over the relay; its address is one of the peer's. */
  plan(peer: NodeKey, attempt: string, isAnswer: boolean, theirs: Ports, now: Instant): void {
    const active = this.#active;
    if (isAnswer) {
      const isOurs = active?.peer === peer && active.attempt.id === attempt;
      if (!isOurs) this.#options.counters.add('port-plan-unasked');
      else if (!this.#allowance.take(peer, theirs, now)) {
        this.#options.counters.add('port-plan-too-costly');
      } else this.#step((running) => running.answered(theirs, now), now);
      return;
    }
    const sought = this.#sought.get(peer) ?? this.#add(peer, false, now);
    const refusal = this.#whyNotAnswer(peer, sought, theirs, now);
    if (refusal !== undefined) {
      this.#options.counters.add(refusal);
      return;
    }
    if (active !== undefined) this.#abandon(now);
    this.#start(peer, sought, { id: attempt, theirs }, now);
  }

  socketOpened(socketId: SocketId, now: Instant): void {
    if (this.#active?.attempt.socketId === socketId) {
      this.#step((attempt) => attempt.opened(now), now);
    }
  }

  /** It could not be opened, or died. */
  socketFailed(socketId: SocketId, now: Instant): void {
    this.#kept.drop(socketId);
    if (this.#active?.attempt.socketId === socketId) {
      this.#step((attempt) => attempt.notOpened(), now);
    }
  }

  stun(socketId: SocketId, source: Endpoint, bytes: Uint8Array, now: Instant): void {
    const attempt = this.#active?.attempt;
    const isOurs = attempt?.socketId === socketId && attempt.datagram(source, bytes, now);
    if (isOurs) this.#step(() => undefined, now);
    else this.#options.counters.add('port-search-stun-unknown');
  }

  /** Everything that was foretold belongs to another network; sockets only if their address is gone. */
  networkChanged(lostAddress: boolean, now: Instant): void {
    this.#abandon(now);
    if (lostAddress) this.#kept.closeAll(now);
    this.#hopelessUntil = undefined;
    this.#servers = [];
    this.#seenPorts = [];
    this.#isDueStale = true;
    for (const sought of this.#sought.values()) {
      sought.failures = 0;
      sought.dueAt = after(now, patienceMs);
    }
  }

  /** The peer left the network. */
  forget(peer: NodeKey, now: Instant): void {
    if (this.#active?.peer === peer) this.#abandon(now);
    this.#kept.closeAllOf(peer, now);
    this.#sought.delete(peer);
    this.#allowance.forget(peer);
    this.#isDueStale = true;
  }

  /** Closes everything, for good. */
  stop(now: Instant): void {
    this.networkChanged(true, now);
    this.#sought.clear();
  }

  runTimers(now: Instant): void {
    this.#kept.runTimers(now);
    if (this.#active !== undefined) {
      this.#step((attempt) => attempt.runTimers(now), now);
      return;
    }
    if (!this.#canBegin(now)) return;
    for (const [peer, sought] of this.#sought) {
      if (!sought.isLooking || now < sought.dueAt) continue;
      const id = encodeHex(this.#options.random.fill(new Uint8Array(ATTEMPT_BYTES)));
      this.#start(peer, sought, { id, theirs: undefined }, now);
      return;
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#kept.nextTimeout(), this.#nextStep());
  }

  #nextStep(): Instant | undefined {
    if (this.#active !== undefined) return this.#active.attempt.nextTimeout();
    if (this.#servers.length === 0 || this.#kept.size >= keptSocketsMax) return undefined;
    if (this.#isDueStale) {
      this.#dueAt = undefined;
      for (const { isLooking, dueAt } of this.#sought.values()) {
        if (isLooking) this.#dueAt = earliest(this.#dueAt, dueAt);
      }
      this.#isDueStale = false;
    }
    return this.#dueAt === undefined ? undefined : later(this.#dueAt, this.#hopelessUntil);
  }

  #canBegin(now: Instant): boolean {
    const isHopeless = this.#hopelessUntil !== undefined && now < this.#hopelessUntil;
    return !isHopeless && this.#servers.length > 0 && this.#kept.size < keptSocketsMax;
  }

  /** Why a peer's plan gets no answer; both sides may begin at once, and then the smaller key goes on. */
  #whyNotAnswer(peer: NodeKey, sought: Sought, theirs: Ports, now: Instant): string | undefined {
    if (!sought.plans.take(now)) return 'port-plan-too-often';
    if (this.#servers.length === 0 || this.#kept.size >= keptSocketsMax) return 'port-plan-unable';
    const active = this.#active;
    if (active !== undefined && active.peer !== peer) return 'port-plan-busy';
    const isOursFirst = active?.attempt.isAsking === true && this.#options.ownKey < peer;
    if (isOursFirst) return 'port-plan-crossed';
    return this.#allowance.take(peer, theirs, now) ? undefined : 'port-plan-too-costly';
  }

  #add(peer: NodeKey, isLooking: boolean, now: Instant): Sought {
    const sought: Sought = {
      isLooking,
      dueAt: after(now, patienceMs),
      failures: 0,
      attempts: 0,
      lastAt: undefined,
      outcome: undefined,
      plans: new TokenBucket(answered.burst, answered.perSecond),
    };
    this.#sought.set(peer, sought);
    this.#isDueStale = true;
    return sought;
  }

  #start(
    peer: NodeKey,
    sought: Sought,
    { id, theirs }: { readonly id: string; readonly theirs: Ports | undefined },
    now: Instant,
  ): void {
    sought.attempts++;
    sought.lastAt = now;
    sought.outcome = 'running';
    const attempt = new PortAttempt({
      random: this.#options.random,
      id,
      socketId: this.#nextSocketId++,
      servers: this.#servers,
      seenPorts: this.#seenPorts,
      theirs,
    });
    this.#active = { peer, attempt };
    this.#step(() => undefined, now);
  }

  /** Lets the running attempt do something and carries out what it says. */
  #step(act: (attempt: PortAttempt) => void, now: Instant): void {
    const active = this.#active;
    if (active === undefined) return;
    const { peer, attempt } = active;
    act(attempt);
    for (let out = attempt.poll(); out !== undefined; out = attempt.poll()) {
      this.#carryOut(peer, attempt, out, now);
    }
  }

  #carryOut(peer: NodeKey, attempt: PortAttempt, output: PortAttemptOutput, now: Instant): void {
    const { emit } = this.#options;
    const { socketId, id } = attempt;
    switch (output.type) {
      case 'open-socket':
        emit({ type: 'open-socket', socketId }, now);
        break;
      case 'send':
        emit({ type: 'send', socketId, remote: output.remote, bytes: output.bytes }, now);
        break;
      case 'probe':
        emit({ type: 'probe', peer, socketId, remote: output.remote }, now);
        break;
      case 'plan': {
        const { ports, isAnswer } = output;
        emit({ type: 'plan', peer, attempt: id, isAnswer, ports }, now);
        break;
      }
      case 'failed':
        this.#failed(peer, attempt, output.reason, now);
        break;
    }
  }

  #failed(peer: NodeKey, attempt: PortAttempt, reason: AttemptFailure, now: Instant): void {
    this.#options.counters.add(`port-search-${reason}`);
    this.#active = undefined;
    this.#kept.leave(peer, attempt.socketId, now);
    this.#notePorts(attempt.mapped.map(endpointPort));
    const isOurs = reason === 'random-ports' || reason === 'addresses-differ';
    // Few ports were seen so far: another attempt may show that they are all in one small range.
    const mayLearn = reason === 'random-ports' && this.#seenPorts.length < portsConvincing;
    if ((isOurs && !mayLearn) || reason === 'no-udp') this.#hopelessUntil = after(now, hopelessMs);
    const sought = this.#sought.get(peer);
    if (sought === undefined) return;
    sought.outcome = reason;
    const gapMs = Math.min(pauseMs * 2 ** sought.failures, pauseMaxMs);
    sought.failures++;
    sought.dueAt = after(now, gapMs);
    this.#isDueStale = true;
  }

  /** The running attempt ends without a word about it. */
  #abandon(now: Instant): void {
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    this.#kept.leave(active.peer, active.attempt.socketId, now);
  }

  #notePorts(ports: readonly number[]): void {
    this.#seenPorts = [...new Set([...this.#seenPorts, ...ports])].slice(-portsRemembered);
  }
}

function later(a: Instant, b: Instant | undefined): Instant {
  return b === undefined || a >= b ? a : b;
}
