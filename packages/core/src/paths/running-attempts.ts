/**
 * The attempts that run now, one a peer at most: their sockets, their pool, their pace.
 *
 * Up to four peers are served at a time as the side that opens, for that costs a burst of pings and then only
 * patience; of all others one runs at a time.
 */
import { earliest, type Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { Random } from '../ports.js';
import type { AttemptFailure, PortAttemptOptions, PortAttemptOutput } from './attempt-io.js';
import { KeptSockets, type KeptSocketsOptions } from './kept-sockets.js';
import { PortAttempt } from './port-attempt.js';
import type { Ports } from './ports.js';
import { ProbePace } from './probe-pace.js';
import { SocketPool } from './socket-pool.js';

/** Numbers of sockets from here on are those of attempts. */
export const searchSocketsFrom: SocketId = 1000;
/** Peers that are served with one pool at a time. */
export const openersMax = 4;
/** Sockets on which the peer came through that outlive an attempt: it has proven one of the first, and takes it. */
export const reachedSocketsMax = 8;

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
      readonly ttl: number | undefined;
    }
  /** A call to the peer that lists guesses of our own ports. */
  | { readonly type: 'call'; readonly peer: NodeKey; readonly endpoints: readonly Endpoint[] }
  /** To the peer over its relay. */
  | {
      readonly type: 'plan';
      readonly peer: NodeKey;
      readonly attempt: string;
      readonly isAnswer: boolean;
      readonly ports: Ports;
    };

export interface RunningAttemptsOptions {
  readonly random: Random;
  readonly emit: (output: PortSearchOutput, now: Instant) => void;
  readonly lastHeard: KeptSocketsOptions['lastHeard'];
  /** The attempt is over; `failure` undefined: the peer is reached directly. */
  readonly onEnd: (
    peer: NodeKey,
    attempt: PortAttempt,
    failure: AttemptFailure | undefined,
    now: Instant,
  ) => void;
}

/** What an attempt is begun with. */
export type NewAttempt = Omit<PortAttemptOptions, 'random' | 'pace' | 'socketId'>;

export class RunningAttempts {
  readonly kept: KeptSockets;
  readonly #options: RunningAttemptsOptions;
  readonly #attempts = new Map<NodeKey, PortAttempt>();
  readonly #pool: SocketPool<PortAttempt>;
  readonly #pace = new ProbePace();
  #nextSocketId = searchSocketsFrom;

  constructor(options: RunningAttemptsOptions) {
    this.#options = options;
    const { emit, lastHeard } = options;
    const close = (socketId: SocketId, now: Instant): void =>
      emit({ type: 'close-socket', socketId }, now);
    this.kept = new KeptSockets({ lastHeard, close });
    this.#pool = new SocketPool({
      newSocketId: () => this.#nextSocketId++,
      emit,
    });
  }

  get(peer: NodeKey): PortAttempt | undefined {
    return this.#attempts.get(peer);
  }

  /** True when one more may begin; `opens`: as the side that opens for the other's guesses. */
  hasRoom(opens: boolean): boolean {
    const all = [...this.#attempts.values()];
    const openers = all.filter(isOpener).length;
    return opens ? openers < openersMax : all.length === openers;
  }

  start(peer: NodeKey, wanted: NewAttempt, now: Instant): void {
    const { random } = this.#options;
    const socketId = this.#nextSocketId++;
    const attempt = new PortAttempt({ ...wanted, random, pace: this.#pace, socketId });
    this.#attempts.set(peer, attempt);
    this.step(peer, () => attempt.start(now), now);
  }

  /** Lets the peer's attempt do something and carries out what it says. */
  step(peer: NodeKey, act: (attempt: PortAttempt) => void, now: Instant): void {
    const attempt = this.#attempts.get(peer);
    if (attempt === undefined) return;
    act(attempt);
    for (let out = attempt.poll(); out !== undefined; out = attempt.poll()) {
      this.#carryOut(peer, attempt, out, now);
    }
    if (this.#attempts.get(peer) === attempt && this.#isOneTooMany(attempt)) {
      this.#end(peer, 'busy', now);
    }
  }

  socketOpened(socketId: SocketId, now: Instant): void {
    if (this.#pool.owns(socketId)) {
      this.#pool.opened(socketId);
      this.#gathered(now);
      return;
    }
    const peer = this.#ownerOf(socketId);
    if (peer !== undefined) this.step(peer, (attempt) => attempt.opened(now), now);
  }

  socketFailed(socketId: SocketId, now: Instant): void {
    this.kept.drop(socketId);
    if (this.#pool.owns(socketId)) {
      this.#pool.failed(socketId);
      this.#gathered(now);
      return;
    }
    const peer = this.#ownerOf(socketId);
    if (peer !== undefined) this.step(peer, (attempt) => attempt.notOpened(), now);
  }

  /** A STUN answer; false: nobody asked. */
  stun(socketId: SocketId, source: Endpoint, bytes: Uint8Array, now: Instant): boolean {
    const peer = this.#ownerOf(socketId);
    const attempt = peer === undefined ? undefined : this.#attempts.get(peer);
    if (peer === undefined || attempt?.datagram(source, bytes, now) !== true) return false;
    this.step(peer, () => undefined, now);
    return true;
  }

  /** A ping of the peer came to one of our sockets. */
  reached(peer: NodeKey, socketId: SocketId, now: Instant): void {
    const attempt = this.#attempts.get(peer);
    // It is open for another peer, who may leave it while this one's data still comes there.
    if (this.kept.owns(socketId)) this.kept.heard(peer, socketId, now);
    if (attempt === undefined) {
      // Its attempt is over, and the pool serves others: the peer may have proven this way nevertheless.
      if (this.kept.size < reachedSocketsMax && this.#pool.take(socketId)) {
        this.kept.heard(peer, socketId, now);
      }
      return;
    }
    if (!this.#pool.owns(socketId) && attempt.socketId !== socketId) return;
    const { reachedOn } = attempt;
    if (reachedOn.size < reachedSocketsMax) reachedOn.add(socketId);
    this.step(peer, () => attempt.reached(now), now);
  }

  /** The peer is reached directly, through `socketId`: what got through is kept, the rest is closed. */
  found(peer: NodeKey, socketId: SocketId, now: Instant): void {
    const attempt = this.#attempts.get(peer);
    const isOwn = attempt?.ownsSocket === true && attempt.socketId === socketId;
    // Also after its attempt: others may still use the pool, and close what is left of it.
    if (isOwn || this.#pool.take(socketId) || this.kept.owns(socketId))
      this.kept.keep(peer, socketId);
    this.#end(peer, undefined, now);
  }

  /** Ends without a word about it. */
  abandon(peer: NodeKey, now: Instant): void {
    const attempt = this.#attempts.get(peer);
    if (attempt !== undefined) this.#remove(peer, attempt, now);
  }

  abandonAll(now: Instant): void {
    for (const peer of [...this.#attempts.keys()]) this.abandon(peer, now);
  }

  runTimers(now: Instant): void {
    this.#pool.runTimers(now);
    for (const [peer, attempt] of [...this.#attempts]) {
      this.step(peer, () => attempt.runTimers(this.#pool.sockets, now), now);
    }
    this.kept.runTimers(now);
  }

  nextTimeout(): Instant | undefined {
    let next = earliest(this.kept.nextTimeout(), this.#pool.nextTimeout());
    for (const attempt of this.#attempts.values()) next = earliest(next, attempt.nextTimeout());
    return next;
  }

  #carryOut(peer: NodeKey, attempt: PortAttempt, output: PortAttemptOutput, now: Instant): void {
    const { emit } = this.#options;
    const { socketId } = attempt;
    switch (output.type) {
      case 'open-socket':
        emit({ type: 'open-socket', socketId }, now);
        break;
      case 'gather':
        this.#pool.acquire(attempt, output.count, now);
        attempt.gathered(this.#pool.sockets, this.#pool.isSettled, now);
        break;
      case 'send':
        emit({ type: 'send', socketId, remote: output.remote, bytes: output.bytes }, now);
        break;
      case 'probe':
        emit({ ...output, peer }, now);
        break;
      case 'call':
        emit({ ...output, peer }, now);
        break;
      case 'plan': {
        const { ports, isAnswer } = output;
        emit({ type: 'plan', peer, attempt: attempt.id, isAnswer, ports }, now);
        break;
      }
      case 'failed':
        this.#end(peer, output.reason, now);
        break;
    }
  }

  #gathered(now: Instant): void {
    for (const peer of [...this.#attempts.keys()]) {
      const { sockets, isSettled } = this.#pool;
      this.step(peer, (attempt) => attempt.gathered(sockets, isSettled, now), now);
    }
  }

  /** It was begun as an opener, and is something else since the plans are known. */
  #isOneTooMany(attempt: PortAttempt): boolean {
    const others = [...this.#attempts.values()].filter((one) => !isOpener(one));
    return others.length > 1 && others.at(-1) === attempt;
  }

  #ownerOf(socketId: SocketId): NodeKey | undefined {
    for (const [peer, attempt] of this.#attempts) {
      if (attempt.ownsSocket && attempt.socketId === socketId) return peer;
    }
    return undefined;
  }

  #end(peer: NodeKey, failure: AttemptFailure | undefined, now: Instant): void {
    const attempt = this.#attempts.get(peer);
    if (attempt === undefined) return;
    this.#remove(peer, attempt, now);
    this.#options.onEnd(peer, attempt, failure, now);
  }

  #remove(peer: NodeKey, attempt: PortAttempt, now: Instant): void {
    this.#attempts.delete(peer);
    const { socketId, ownsSocket, reachedOn } = attempt;
    // The peer may have proven a way that we have not.
    const left = [...reachedOn].filter((one) => this.#pool.take(one) || this.kept.owns(one));
    if (ownsSocket && !this.kept.owns(socketId)) left.push(socketId);
    for (const one of left) this.kept.leave(peer, one, now);
    this.#pool.release(attempt, now);
  }
}

/** It opens for the other's guesses, or will unless the peer's plan says otherwise. */
function isOpener({ campaign, ours, theirs }: PortAttempt): boolean {
  if (campaign !== undefined) return campaign.kind === 'open';
  if (ours?.kind !== 'scatter') return false;
  return theirs === undefined || (theirs.kind === 'list' && theirs.count === 1);
}
