/**
 * One try to meet a peer where no NAT's port can be known: both sides say where their sockets will be, and then ping
 * each other's ports as campaign.ts tells.
 *
 *     opening --> measuring --our plan--> asked --their plan--> gathering --> probing --> waiting --> over
 *        └ known already: our plan at once ┘             └ no pool needed ┘
 *
 * Whoever is asked answers with its own plan. Who opens for the other's guesses sends its plan once more, or only
 * then, when its pings are out: whoever guesses begins when it hears that, so no guess comes before the NAT is open.
 * A ping that gets through is all that is needed: whoever receives it pings back and so proves the path.
 */
import { after, type Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import type { AttemptFailure, PortAttemptOptions, PortAttemptOutput } from './attempt-io.js';
import { CallGuesses } from './call-guesses.js';
import {
  type Campaign,
  campaignOf,
  campaignPingsMax,
  type Probe,
  probesOf,
  socketOf,
} from './campaign.js';
import { Measurement } from './measurement.js';
import { foretell, rangeAround } from './port-plan.js';
import type { Ports } from './ports.js';
import { probesPerSecond } from './probe-pace.js';

/** The peer measures too, and its plan crosses a relay. */
const answerMs = 2500;
/**
 * Many sockets are opened within some 20 ms; a machine that is busy gets them later, and with fewer the guesses hit
 * less often. The peer waits for longer than this.
 */
const gatherMs = 1000;
/** Pings a second are 500, evenly: data of ours that is relayed meanwhile waits for few of them. */
const probesAtOnce = 5;
const probeGapMs = 10;
/** To open our NAT all sockets ping within 21 ms; each ping is sealed first, of which the loop has enough by so many. */
const openersAtOnce = 32;
const openerGapMs = 3;
/** The last of many sockets may wait until a second's pings are over, the peer's guesses need not wait for them. */
const openersLateShare = 1 / 16;
/** Between two rounds of a short list. */
const repeatMs = 250;
/** After the last ping, for an answer to it. */
const waitMs = 1500;
/** Once a ping of the peer got through: our own, or its answer, may be lost, and goes again after five seconds. */
const provingMs = 6500;
/** Nobody has proven where a stock client is, so it gets no more pings than any address may (plan-proofs.ts). */
const stockSocketsMax = 192;
/** After opening: until the other has guessed all that it may. */
const guessedMs = (campaignPingsMax / probesPerSecond) * 1000;

type Phase =
  | 'opening'
  | 'measuring'
  | 'asked'
  | 'gathering'
  | 'probing'
  | 'calling'
  | 'waiting'
  | 'over';

export class PortAttempt {
  /** Our sockets to which pings of the peer came. */
  readonly reachedOn = new Set<SocketId>();
  readonly #options: PortAttemptOptions;
  readonly #outputs: PortAttemptOutput[] = [];
  readonly #measurement: Measurement;
  #id: string;
  #isAsker: boolean;
  #phase: Phase = 'opening';
  #deadline: Instant | undefined;
  #ours: Ports | undefined;
  #theirs: Ports | undefined;
  #campaign: Campaign | undefined;
  #sockets: readonly SocketId[] = [];
  #left: Probe[] = [];
  #round = 0;
  #calls: CallGuesses | undefined;
  #pings = 0;
  #hasSaidOpen = false;

  constructor(options: PortAttemptOptions) {
    this.#options = options;
    this.#id = options.id;
    this.#theirs = options.theirs;
    this.#isAsker = options.theirs === undefined;
    this.#measurement = new Measurement(options.servers, options.random);
  }

  get id(): string {
    return this.#id;
  }

  /** Of the socket that is not of the pool. */
  get socketId(): SocketId {
    return this.#options.known?.socketId ?? this.#options.socketId;
  }

  /** The socket is the attempt's own, to be closed with it. */
  get ownsSocket(): boolean {
    return this.#options.known === undefined;
  }

  /** Our plan waits for the peer's; a peer that asks at the same time may be answered instead. */
  get isAsking(): boolean {
    return this.#isAsker && this.#theirs === undefined;
  }

  /** The peer has not heard of this attempt yet, so a plan of its own can be taken for the beginning. */
  get isUntold(): boolean {
    return this.isAsking && this.#ours === undefined;
  }

  /** What we told, or would; undefined: it is being measured. */
  get ours(): Ports | undefined {
    return this.#ours ?? this.#options.known?.ports;
  }

  get theirs(): Ports | undefined {
    return this.#theirs;
  }

  get campaign(): Campaign | undefined {
    return this.#campaign;
  }

  /** That listed guesses of our own ports. */
  get calls(): number {
    return this.#calls?.calls ?? 0;
  }

  /** Of what it sent to open our NAT. */
  get openerTtl(): number | undefined {
    return this.#campaign?.kind === 'open' ? this.#options.openerTtl : undefined;
  }

  /** Sent so far. */
  get pings(): number {
    return this.#pings;
  }

  /** Ports of our own mappings that servers saw. */
  get mappedPorts(): readonly number[] {
    return this.#measurement.mapped.map(endpointPort);
  }

  poll(): PortAttemptOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#phase === 'measuring' ? this.#measurement.nextTimeout() : this.#deadline;
  }

  start(now: Instant): void {
    const { known } = this.#options;
    if (known === undefined) this.#outputs.push({ type: 'open-socket' });
    else this.#planned(known.ports, now);
  }

  /** The peer asks while we still measure: what comes out answers its plan. */
  adopt(id: string, theirs: Ports): void {
    if (!this.isUntold) return;
    this.#id = id;
    this.#theirs = theirs;
    this.#isAsker = false;
  }

  opened(now: Instant): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'measuring';
    this.#measurement.start(now);
    this.#measure(now);
  }

  notOpened(): void {
    if (this.#phase === 'opening') this.#fail('no-socket');
  }

  /** A STUN answer came to our socket; false: not one of ours. */
  datagram(source: Endpoint, bytes: Uint8Array, now: Instant): boolean {
    if (!this.#measurement.answered(source, bytes)) return false;
    if (this.#phase === 'measuring') this.#measure(now);
    return true;
  }

  /** The peer's answer to our plan, or its word that it has opened. */
  answered(theirs: Ports, now: Instant): void {
    if (this.#phase !== 'asked') return;
    this.#theirs = theirs;
    if (this.#agree() === undefined) this.#fail('both-random');
    else this.#begin(now);
  }

  /** Sockets of the pool are open; `isSettled`: no more will be. */
  gathered(sockets: readonly SocketId[], isSettled: boolean, now: Instant): void {
    if (this.#phase !== 'gathering') return;
    const wanted = this.#campaign?.sockets ?? 0;
    const isLate = this.#deadline !== undefined && now >= this.#deadline;
    if (sockets.length < wanted && !isSettled && !isLate) return;
    this.#sockets = sockets.slice(0, wanted);
    if (this.#sockets.length === 0) this.#fail('no-socket');
    else this.#probe(now);
  }

  /** A ping of the peer got through to one of our sockets: nothing more has to be sent. */
  reached(now: Instant): void {
    if (this.#phase !== 'probing' && this.#phase !== 'calling' && this.#phase !== 'waiting') return;
    this.#left = [];
    this.#phase = 'waiting';
    this.#deadline = after(now, provingMs);
  }

  /** `sockets`: the pool's, for an attempt that has waited for all of them. */
  runTimers(sockets: readonly SocketId[], now: Instant): void {
    const due = this.nextTimeout();
    if (due === undefined || now < due) return;
    switch (this.#phase) {
      case 'measuring':
        this.#measure(now);
        break;
      case 'asked':
        this.#unanswered(now);
        break;
      case 'calling':
        this.#call(now);
        break;
      case 'gathering':
        this.gathered(sockets, true, now);
        break;
      case 'probing':
        this.#probeSome(due, now);
        break;
      case 'waiting':
        this.#fail('not-reached');
        break;
      case 'opening':
      case 'over':
        break;
    }
  }

  #measure(now: Instant): void {
    const isOver = this.#measurement.isOver(now);
    for (let out = this.#measurement.poll(); out !== undefined; out = this.#measurement.poll()) {
      this.#outputs.push({ type: 'send', ...out });
    }
    if (!isOver) return;
    const { mapped } = this.#measurement;
    const seenPorts = [...this.#options.seenPorts, ...this.mappedPorts];
    const ports = foretell(mapped, rangeAround(seenPorts), this.#options.isOpenToAddress);
    if (typeof ports === 'string') this.#fail(ports);
    else this.#planned(ports, now);
  }

  #planned(ours: Ports, now: Instant): void {
    this.#ours = ours;
    if (this.#theirs === undefined) {
      this.#tellPlan();
      this.#await(now);
      return;
    }
    const campaign = this.#agree();
    // Who opens says so when that is done.
    if (campaign?.kind !== 'open') this.#tellPlan();
    if (campaign === undefined) this.#fail('both-random');
    else if (campaign.kind === 'guess') this.#await(now);
    else this.#begin(now);
  }

  /** No plan came: a stock client can be made to guess all the same, at what is known of it. */
  #unanswered(now: Instant): void {
    const { stock, random } = this.#options;
    const ours = this.#ours;
    if (stock === undefined || ours?.kind !== 'scatter' || this.#theirs !== undefined) {
      this.#fail('no-answer');
      return;
    }
    this.#theirs = { kind: 'list', isOpenToAddress: false, first: stock, step: 1, count: 1 };
    this.#calls = new CallGuesses(ours, random, now);
    const campaign = this.#agree();
    if (campaign === undefined) return;
    const sockets = Math.min(campaign.sockets, stockSocketsMax);
    this.#campaign = { ...campaign, sockets, pings: sockets };
    this.#begin(now);
  }

  #call(now: Instant): void {
    const endpoints = this.#calls?.due(now) ?? [];
    if (endpoints.length > 0) this.#outputs.push({ type: 'call', endpoints });
    this.#deadline = this.#calls?.nextTimeout();
    if (this.#deadline !== undefined) return;
    this.#phase = 'waiting';
    this.#deadline = after(now, waitMs);
  }

  #await(now: Instant): void {
    this.#phase = 'asked';
    this.#deadline = after(now, answerMs);
  }

  #agree(): Campaign | undefined {
    if (this.#ours === undefined || this.#theirs === undefined) return undefined;
    this.#campaign = campaignOf(this.#ours, this.#theirs, this.#isAsker);
    return this.#campaign;
  }

  #tellPlan(): void {
    if (this.#ours === undefined) return;
    this.#outputs.push({ type: 'plan', ports: this.#ours, isAnswer: this.#theirs !== undefined });
  }

  #begin(now: Instant): void {
    const count = this.#campaign?.sockets ?? 0;
    if (count === 0) {
      this.#probe(now);
      return;
    }
    this.#phase = 'gathering';
    this.#deadline = after(now, gatherMs);
    this.#outputs.push({ type: 'gather', count });
  }

  #probe(now: Instant): void {
    this.#phase = 'probing';
    this.#startRound();
    this.#probeSome(now, now);
  }

  #startRound(): void {
    const [campaign, theirs] = [this.#campaign, this.#theirs];
    if (campaign === undefined || theirs === undefined) return;
    this.#left = [...probesOf(campaign, theirs, this.#options.random)];
  }

  /** `due`: when it was to be; timers are late by a millisecond or two, and that would add up. */
  #probeSome(due: Instant, now: Instant): void {
    const { pace } = this.#options;
    // Opening comes first, before all else: the guesses begin that much sooner.
    const isOpening = this.#campaign?.kind === 'open';
    const wanted = Math.min(isOpening ? openersAtOnce : probesAtOnce, this.#left.length);
    for (const probe of this.#left.splice(0, pace.take(wanted, now))) this.#send(probe);
    if (isOpening) this.#sayOpen();
    if (this.#left.length > 0) {
      const gapMs = isOpening ? openerGapMs : probeGapMs;
      this.#deadline = inStep(due, pace.freeAt(now), gapMs);
      return;
    }
    this.#round++;
    if (this.#round < (this.#campaign?.rounds ?? 1)) {
      this.#startRound();
      this.#deadline = after(now, repeatMs);
      return;
    }
    if (this.#calls !== undefined) {
      this.#phase = 'calling';
      this.#call(now);
      return;
    }
    this.#phase = 'waiting';
    this.#deadline = after(now, isOpening ? guessedMs + waitMs : waitMs);
  }

  /** Our NAT is open, or will be by the time that the peer's first guesses are over. */
  #sayOpen(): void {
    const late = (this.#campaign?.sockets ?? 0) * openersLateShare;
    if (this.#hasSaidOpen || this.#calls !== undefined || this.#left.length > late) return;
    this.#hasSaidOpen = true;
    this.#tellPlan();
  }

  #send(probe: Probe): void {
    const socketId = socketOf(probe, this.#sockets, this.socketId);
    if (socketId === undefined) return;
    this.#pings++;
    const ttl = this.#campaign?.kind === 'open' ? this.#options.openerTtl : undefined;
    this.#outputs.push({ type: 'probe', socketId, remote: probe.remote, ttl });
  }

  #fail(reason: AttemptFailure): void {
    this.#phase = 'over';
    this.#deadline = undefined;
    this.#outputs.push({ type: 'failed', reason });
  }
}

/** A gap after the last time that it was due; after now when that is over, as what was missed is not made up for. */
function inStep(due: Instant, now: Instant, gapMs: number): Instant {
  const next = after(due, gapMs);
  return next > now ? next : after(now, gapMs);
}
