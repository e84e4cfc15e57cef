/**
 * The map poll: one endless request whose frames keep the netmap true.
 *
 *     waiting --due--> polling --full map--> following --deltas--> following
 *       polling --what differs from what we hold--> following (netmap/map-tags.ts)
 *       polling --30 s without a full map or a keep-alive--> waiting
 *       polling, following --end, failure, nonsense--> waiting (back-off)
 *       120 s without any frame: the connection is dead, the client replaces it
 *
 * The netmap outlives every poll: losing control must not stop traffic. The full map of a poll stands alone
 * (what it doesn't list is gone). Deltas that overtake it are left out: headscale sends such ones when a
 * change races a new poll, and a netmap of ourselves alone would end every session for a moment.
 */
import type { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { after, earliest, type Instant, type WallTime, wallTime } from '../base/instant.js';
import { parseJson } from '../base/json.js';
import { applyMapResponse } from '../netmap/apply.js';
import { decodeMapResponse, type MapResponse } from '../netmap/decode.js';
import { markExpired, nextExpiry } from '../netmap/key-expiry.js';
import type { Netmap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { HeldMap } from './held-map.js';
import type { ControlClientInput, RequestId } from './io.js';
import { MapFrameDecoder } from './map-framing.js';
import { formatStatus, type OwnState, pollBody } from './messages.js';
import type { Outbox } from './outbox.js';
import type { PingAnswers } from './ping-answers.js';
import { RequestSlot } from './request-slot.js';

/** Servers send something every 50 to 60 s; two missed are a dead connection. */
export const watchdogMs = 120_000;
/** Control builds a full map in a second; one that races changes gets them out first. */
export const fullMapMs = 30_000;
/** A deleted node is told to people after this many refusals in a row: one may be a server's restart. */
const refusalsToTell = 3;
/** Between refusals while a new key was asked for: its acceptance is on the way, on a busy server too. */
const renewingWaitMs = 5_000;
/** A deleted node seldom comes back: it asks twice a minute. */
const refusedWaitMs = 30_000;

export interface MapLoopOptions {
  readonly random: Random;
  readonly acceptRoutes: boolean;
  readonly outbox: Outbox;
  readonly counters: Counters;
  readonly pings: PingAnswers;
}

/** A message that describes the network and not only a change of it. */
function isFullMap(response: MapResponse): boolean {
  const statesNetwork =
    response.relayMap !== undefined || response.domain !== undefined || response.peers.length > 0;
  return response.node !== undefined && statesNetwork;
}

export class MapLoop {
  readonly #options: MapLoopOptions;
  readonly #poll: RequestSlot;
  #own: OwnState | undefined;
  #decoder = new MapFrameDecoder();
  /** The full map of this poll has come. */
  #isFollowing = false;
  /** When the full map must have come. */
  #fullBy: Instant | undefined;
  #lastFrameAt: Instant | undefined;
  /** As control states it. */
  #stated: Netmap | undefined;
  /** The tags of what `stated` was made from. */
  readonly #held = new HeldMap();
  /** With expired keys marked, as last told. */
  #told: Netmap | undefined;
  /** Control's clock: what it said, and when. */
  #serverTime: { readonly wall: WallTime; readonly at: Instant } | undefined;
  /** Polls in a row that control refused because it doesn't know us. */
  #refusals = 0;
  /** Polls in a row that it refused for another reason. */
  #troubles = 0;

  constructor(options: MapLoopOptions) {
    this.#options = options;
    this.#poll = new RequestSlot(options.outbox, options.random);
  }

  get netmap(): Netmap | undefined {
    return this.#told;
  }

  /** True when control has several times not known us: the node is gone there. */
  get isRefused(): boolean {
    return this.#refusals >= refusalsToTell;
  }

  /** Control's clock now; undefined until it told it. */
  serverTime(now: Instant): WallTime | undefined {
    const known = this.#serverTime;
    return known === undefined ? undefined : wallTime(known.wall + (now - known.at));
  }

  /** A new login or a good answer: earlier refusals don't count any more. */
  begin(): void {
    this.#refusals = 0;
    this.#troubles = 0;
    this.#poll.backoff.reset();
  }

  /** The connection is gone. */
  reset(): void {
    this.#poll.forget();
    this.#lastFrameAt = undefined;
    this.#fullBy = undefined;
  }

  /** Ends the poll and forgets the netmap: logged out. */
  stop(): void {
    this.#poll.cancel();
    this.#stated = undefined;
    this.#told = undefined;
    this.#held.clear();
    this.begin();
  }

  /** Polls when due; a poll under a node key that was replaced is ended first. */
  step(own: OwnState, now: Instant): void {
    this.#poll.runTimers(now);
    if (this.#own !== undefined && this.#own.nodeKey !== own.nodeKey) {
      this.#poll.cancel();
      this.#held.clear();
      this.begin();
    }
    const isLate = this.#fullBy !== undefined && this.#fullBy <= now;
    if (isLate && this.#poll.isBusy) this.#giveUp('no-full-map', now);
    if (this.#poll.isDue(now)) {
      this.#own = own;
      this.#decoder = new MapFrameDecoder();
      this.#isFollowing = false;
      this.#lastFrameAt = now;
      this.#fullBy = after(now, fullMapMs);
      const options = { streaming: true, timeoutMs: undefined };
      this.#poll.send('/machine/map', pollBody(own, this.#held.encode()), options, now);
    }
  }

  /** Tells the netmap again when a key in it has expired by control's clock. */
  checkExpiry(now: Instant): void {
    const serverTime = this.serverTime(now);
    if (this.#stated === undefined || serverTime === undefined) return;
    if (this.#told !== undefined && markExpired(this.#told, serverTime) !== this.#told) {
      this.#tell(this.#stated, now);
    }
  }

  /** True when the watchdog has run out. */
  isSilent(now: Instant): boolean {
    const deadline = this.#watchdog();
    return deadline !== undefined && deadline <= now;
  }

  nextTimeout(isConnected: boolean): Instant | undefined {
    const pollAt = isConnected ? this.#poll.nextTimeout() : undefined;
    const fullBy = this.#poll.isBusy ? this.#fullBy : undefined;
    return earliest(pollAt, fullBy, this.#watchdog(), this.#expiryInstant());
  }

  /**
   * Takes an answer to the poll, which is a refusal; false: it is not ours. `isRenewing`: a new node key was asked for,
   * and that control doesn't know the old one may be the first sign that it took the new one.
   */
  handleResponse(
    { id, status, body }: Extract<ControlClientInput, { readonly type: 'response' }>,
    now: Instant,
    isRenewing: boolean,
  ): boolean {
    if (!this.#poll.take(id)) return false;
    this.#options.counters.add('control-map-refused');
    const isUnknown = status === 404 || status === 401;
    if (isUnknown) this.#refusals++;
    else this.#troubles++;
    const patienceMs = isRenewing ? renewingWaitMs : 0;
    this.#poll.backoff.fail(now, this.isRefused ? refusedWaitMs : patienceMs);
    if ((isUnknown ? this.#refusals : this.#troubles) === refusalsToTell) {
      const message = isUnknown
        ? 'control does not know this node any more: it was deleted there'
        : `control refuses the network map: ${formatStatus(status, body)}`;
      this.#options.outbox.emit({ type: 'refused', message, fatal: isUnknown });
    }
    return true;
  }

  handleFailure(id: RequestId, now: Instant): boolean {
    return this.#poll.handleFailure(id, now);
  }

  /** Takes bytes of the stream; false: they are not ours. */
  handleBytes(id: RequestId, bytes: Uint8Array, now: Instant): boolean {
    if (!this.#poll.holds(id)) return false;
    this.#poll.heard();
    const frames = this.#decoder.push(bytes);
    if (isFailure(frames)) {
      this.#giveUp(frames.reason, now);
      return true;
    }
    for (const frame of frames) {
      this.#lastFrameAt = now;
      if (!this.#takeFrame(frame, now)) break;
    }
    return true;
  }

  #takeFrame(frame: Uint8Array, now: Instant): boolean {
    const { counters } = this.#options;
    const response = decodeMapResponse(parseJson(frame), counters);
    if (isFailure(response)) return this.#giveUp(response.reason, now);
    if (response.controlTime !== undefined) {
      this.#serverTime = { wall: response.controlTime, at: now };
      this.#options.outbox.emit({ type: 'control-time', time: response.controlTime });
    }
    if (response.ping !== undefined) this.#options.pings.take(response.ping, now);
    // One that makes us wait for our turn lives.
    if (response.keepAlive && this.#fullBy !== undefined) this.#fullBy = after(now, fullMapMs);
    if (response.keepAlive || this.#own === undefined) return true;
    const isResumed = response.resumed && this.#stated !== undefined && this.#held.isAny;
    if (!this.#isFollowing && !isResumed && !isFullMap(response)) {
      counters.add('control-map-early-delta');
      return true;
    }
    const isChange = this.#isFollowing || isResumed;
    const netmap = applyMapResponse(isChange ? this.#stated : undefined, response, {
      selfKey: this.#own.nodeKey,
      acceptRoutes: this.#options.acceptRoutes,
      serverTime: this.serverTime(now),
      counters,
    });
    if (isFailure(netmap)) return this.#giveUp(netmap.reason, now);
    this.#held.take(response, !isChange);
    if (!this.#isFollowing) counters.add(isResumed ? 'control-map-resumed' : 'control-map-full');
    this.#isFollowing = true;
    this.#fullBy = undefined;
    this.begin();
    if (netmap !== this.#stated) this.#tell(netmap, now);
    return true;
  }

  #tell(netmap: Netmap, now: Instant): void {
    const serverTime = this.serverTime(now);
    this.#stated = netmap;
    this.#told = serverTime === undefined ? netmap : markExpired(netmap, serverTime);
    this.#options.outbox.emit({ type: 'netmap', netmap: this.#told });
  }

  /** The stream makes no sense: end it and ask for a full map. */
  #giveUp(reason: string, now: Instant): false {
    this.#options.counters.add(`control-map-${reason}`);
    this.#held.clear();
    this.#poll.cancel();
    this.#poll.backoff.fail(now);
    return false;
  }

  #watchdog(): Instant | undefined {
    return this.#poll.isBusy && this.#lastFrameAt !== undefined
      ? after(this.#lastFrameAt, watchdogMs)
      : undefined;
  }

  #expiryInstant(): Instant | undefined {
    const expiry = this.#told === undefined ? undefined : nextExpiry(this.#told);
    const known = this.#serverTime;
    if (expiry === undefined || known === undefined) return undefined;
    return after(known.at, expiry - known.wall);
  }
}
