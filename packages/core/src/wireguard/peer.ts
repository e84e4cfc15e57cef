/**
 * One WireGuard peer: its keys, what waits for them, and the timers that renew them.
 *
 *     send --- keys usable and a path known ---> sealed in place, host.send
 *        \---- else: a copy waits, an initiation goes out, retried every 5 s for 90 s
 *     response or first packet on new keys: what waits is sealed and sent (else a keepalive confirms)
 *     paths changed: what waits goes out at once, or the pending initiation is repeated on the new path
 *
 * The peer doesn't know paths; its host does. Source: WireGuard whitepaper, section 6.
 */
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, isFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import { type NodeKey, publicKeyBytes } from '../keys/keys.js';
import type { CookieFailure } from './cookies.js';
import {
  type AcceptFailure,
  type CompleteFailure,
  Handshake,
  type HandshakeContext,
} from './handshake.js';
import { Initiator, type PeerHost } from './initiator.js';
import type { Keypair } from './keypair.js';
import { Liveness } from './liveness.js';
import { KEEPALIVE_BYTES, TRANSPORT_HEADER_BYTES } from './messages.js';
import type { PeerStatics, ReceivedInitiation } from './noise.js';
import { Renewal } from './renewal.js';
import type { Schedule } from './schedule.js';
import { Session } from './session.js';
import { TIMER, type Timer, TimerSet, ZERO_KEYS_MS } from './timers.js';
import { WaitingQueue, type WaitingTotal } from './waiting-queue.js';

/** What peers share. */
export interface PeerContext<Owner> extends HandshakeContext<Owner> {
  readonly counters: Counters;
  /** When each peer's timers come. */
  readonly schedule: Schedule;
  readonly waitingTotal: WaitingTotal;
  readonly mtuBytes: number;
}

export class Peer<Host extends PeerHost> {
  readonly key: NodeKey;
  readonly host: Host;
  readonly session: Session;
  lastHandshakeAt: Instant | undefined;
  readonly #context: PeerContext<Peer<Host>>;
  readonly #handshake: Handshake<Peer<Host>>;
  readonly #initiator: Initiator<Peer<Host>>;
  readonly #timers: TimerSet;
  readonly #liveness: Liveness;
  readonly #renewal = new Renewal();
  readonly #waiting: WaitingQueue;
  readonly #keepaliveScratch = new Uint8Array(KEEPALIVE_BYTES);

  constructor(context: PeerContext<Peer<Host>>, key: NodeKey, host: Host) {
    this.key = key;
    this.host = host;
    this.session = new Session((keypair) => context.indexes.release(keypair.localIndex));
    this.#context = context;
    this.#handshake = new Handshake(context, this, publicKeyBytes(key));
    this.#timers = new TimerSet(context.schedule, (now) => this.#fireDue(now));
    this.#liveness = new Liveness(this.#timers);
    this.#initiator = new Initiator(this.#handshake, this.#timers, host, context.random);
    this.#waiting = new WaitingQueue(context.waitingTotal);
  }

  get waitingPackets(): number {
    return this.#waiting.size;
  }

  statics(): PeerStatics | undefined {
    return this.#handshake.statics();
  }

  /** Sends the IP packet at `memory[at .. at + length)`, sealed in place as {@link Keypair.sealInto} says. */
  send(memory: Uint8Array, at: number, length: number, now: Instant): void {
    this.host.wantsToSend(now);
    const keypair = this.#usableKeypair(now);
    if (keypair === undefined) {
      const dropped = this.#waiting.push(memory, at, length);
      if (dropped > 0) this.#context.counters.add('waiting-queue-full', dropped);
      this.#initiate(now, true);
      return;
    }
    if (this.#waiting.size > 0) this.flush(now);
    this.#transmit(keypair, memory, at, length, now);
  }

  /** Sends what waits, if keys and a path allow; called when either has come. */
  flush(now: Instant): void {
    for (const packet of this.#waiting.drain()) {
      const keypair = this.#usableKeypair(now);
      if (keypair === undefined) {
        this.#waiting.push(packet.memory, packet.at, packet.length);
      } else {
        this.#transmit(keypair, packet.memory, packet.at, packet.length, now);
      }
    }
  }

  /** The host's paths are not what they were; `added` when there is one that was not there before. */
  pathsChanged(now: Instant, added: boolean): void {
    if (!this.host.canSend || !added) return;
    if (this.#usableKeypair(now) !== undefined) {
      if (this.#wantsSession) this.confirmSession(now);
      if (!this.#handshake.isPending) this.#timers.disarm(TIMER.retransmit);
    } else if (!this.#initiator.repeat(now) && this.#wantsSession) {
      this.#initiate(now, false);
    }
    if (this.#liveness.lacksPersistent) this.#sendKeepalive(now);
  }

  /** Interval of persistent keepalives; 0: none. Switching on sends one at once. */
  setPersistentKeepalive(ms: number, now: Instant): void {
    if (this.#liveness.setPersistent(ms, now)) this.#keepPersistently(now);
  }

  /**
   * The peer may erase the first keys when it learns that our process is another one than before: they are doubted
   * after 2 s. For peers that are told so, by control, which plain WireGuard peers aren't.
   */
  doubtFirstKeys(): void {
    this.#liveness.doubtFirstKeys();
  }

  /**
   * The peer's process is another one than before and has none of our keys, unless they are its own already: the
   * news may come after its first handshake. Waiting to notice costs 15 s of traffic, so agree on new keys now,
   * if there were any; what is on its way meanwhile still opens.
   */
  restarted(now: Instant): void {
    const { current, next } = this.session;
    const hadKeys = current !== undefined || next !== undefined;
    const inUse = hadKeys || this.#wantsSession || this.#handshake.isPending;
    this.session.doubt();
    this.#handshake.abandon();
    this.#liveness.forget();
    if (inUse) this.#noteInitiation(this.#initiator.initiateUrgently(now), now);
  }

  /** Takes a decrypted initiation of this peer; the response is for the caller to send. */
  acceptInitiation(
    received: ReceivedInitiation,
    now: Instant,
  ): Uint8Array | DecodeFailure<AcceptFailure> {
    const answer = this.#handshake.accept(received, now);
    if (isFailure(answer)) return answer;
    this.session.installAsResponder(answer.keypair);
    this.#liveness.heard(now);
    this.#timers.arm(TIMER.zeroKeys, now, ZERO_KEYS_MS);
    this.#timers.disarm(TIMER.keepalive);
    // The initiator is about to confirm; only if it doesn't do we begin ourselves.
    this.#initiator.holdBack(now);
    return answer.message;
  }

  /** Takes a response for our initiation `index`. Afterwards call {@link confirmSession}. */
  acceptResponse(
    index: number,
    message: Uint8Array,
    now: Instant,
  ): DecodeFailure<CompleteFailure> | undefined {
    const keypair = this.#handshake.complete(index, message, now);
    if (isFailure(keypair)) return keypair;
    this.session.installAsInitiator(keypair);
    this.#liveness.heard(now);
    this.#timers.arm(TIMER.zeroKeys, now, ZERO_KEYS_MS);
    this.#handshakeDone(now);
    return undefined;
  }

  /** Takes a cookie reply to a handshake message of ours; the next one carries the cookie. */
  acceptCookie(reply: Uint8Array, now: Instant): DecodeFailure<CookieFailure> | undefined {
    return this.#handshake.acceptCookie(reply, now);
  }

  /** Sends what waits on fresh keys; as initiator at least a keepalive, so that the responder may send too. */
  confirmSession(now: Instant): void {
    if (this.#waiting.size > 0) this.flush(now);
    else this.#sendKeepalive(now);
  }

  /** Called for each transport message that opened; true when it completed a handshake that the peer began. */
  received(keypair: Keypair, dataBytes: number, now: Instant): boolean {
    const before = this.session.current;
    const confirmed = this.session.confirm(keypair);
    this.#liveness.heard(now);
    if (confirmed) this.#handshakeDone(now);
    if (dataBytes > 0) this.#liveness.heardData(now);
    if (this.session.current !== before) this.flush(now);
    if (this.#renewal.takeDueOnReceive(this.session.current, now)) this.#initiate(now, true);
    return confirmed;
  }

  /** Our identity changed: all keys and all that waits for them go. */
  identityChanged(now: Instant): void {
    this.#handshake.identityChanged();
    this.close();
    this.#initiator.reset();
    this.lastHandshakeAt = undefined;
    if (this.#liveness.persistentMs > 0) this.#keepPersistently(now);
  }

  /** Erases keys, indices, timers and waiting packets. */
  close(): void {
    this.#timers.disarmAll();
    this.#handshake.abandon();
    this.session.clear();
    this.#waiting.drain();
  }

  #fireDue(now: Instant): void {
    for (;;) {
      const timer = this.#timers.takeDue(now);
      if (timer === undefined) return;
      this.#fire(timer, now);
    }
  }

  #fire(timer: Timer, now: Instant): void {
    switch (timer) {
      case TIMER.retransmit:
        if (this.#initiator.isGivenUp(now)) this.#giveUp(now);
        else this.#initiate(now, false);
        break;
      case TIMER.keepalive:
        this.#sendKeepalive(now);
        this.#liveness.keepaliveSent(now);
        break;
      case TIMER.newHandshake:
        this.#initiate(now, true);
        break;
      case TIMER.zeroKeys:
        this.session.clear();
        this.#handshake.abandon();
        this.#dropWaiting();
        break;
      case TIMER.persistentKeepalive:
        this.#keepPersistently(now);
        break;
      case TIMER.repeat:
        this.#initiator.repeatDue(now);
        break;
    }
  }

  /** A handshake was wanted and could not begin for lack of a path. */
  get #wantsSession(): boolean {
    return this.#waiting.size > 0 || this.#timers.isArmed(TIMER.retransmit);
  }

  #usableKeypair(now: Instant): Keypair | undefined {
    const { current } = this.session;
    return current?.canSend(now) === true && this.host.canSend ? current : undefined;
  }

  #transmit(keypair: Keypair, memory: Uint8Array, at: number, length: number, now: Instant): void {
    const wireBytes = keypair.sealInto(memory, at, length, this.#context.mtuBytes);
    this.host.send(memory, at - TRANSPORT_HEADER_BYTES, wireBytes);
    this.#liveness.sent(now);
    if (length > 0) this.#liveness.sentData(now, this.#initiator.jitterMs);
    if (this.#renewal.isDueOnSend(keypair, now)) this.#initiate(now, true);
  }

  #sendKeepalive(now: Instant): void {
    const keypair = this.#usableKeypair(now);
    if (keypair === undefined) this.#initiate(now, true);
    else if (this.#waiting.size > 0) this.flush(now);
    else this.#transmit(keypair, this.#keepaliveScratch, TRANSPORT_HEADER_BYTES, 0, now);
  }

  #keepPersistently(now: Instant): void {
    this.host.wantsToSend(now);
    this.#sendKeepalive(now);
    this.#liveness.planPersistent(now);
  }

  #initiate(now: Instant, anew: boolean): void {
    this.#noteInitiation(this.#initiator.initiate(now, anew), now);
  }

  #noteInitiation(outcome: 'sent' | 'later' | 'impossible', now: Instant): void {
    if (outcome === 'sent') this.#liveness.sent(now);
    if (outcome !== 'impossible') return;
    this.#context.counters.add('initiation-impossible');
    this.#dropWaiting();
  }

  #handshakeDone(now: Instant): void {
    this.lastHandshakeAt = now;
    this.#liveness.keysAgreed(now);
    this.#renewal.done();
    this.#timers.disarm(TIMER.retransmit);
    this.#timers.disarm(TIMER.repeat);
  }

  #giveUp(now: Instant): void {
    this.#handshake.abandon();
    this.#timers.disarm(TIMER.keepalive);
    this.#dropWaiting();
    if (!this.#timers.isArmed(TIMER.zeroKeys)) {
      this.#timers.arm(TIMER.zeroKeys, now, ZERO_KEYS_MS);
    }
  }

  #dropWaiting(): void {
    const dropped = this.#waiting.drain().length;
    if (dropped > 0) this.#context.counters.add('waiting-no-handshake', dropped);
  }
}
