/**
 * Which peer is sought by its ports, when, and what that may cost. The attempts themselves run in running-attempts.ts.
 *
 *     a peer is looked for and the usual pings failed for 1.5 s --> attempt --> found, or a pause that doubles
 *                       or can't meet anyway: after 100 ms ----------^
 *
 * An attempt costs 256 sockets, a few STUN requests and 1,500 pings at most, 500 a second; ping-allowance.ts has
 * the sum. If nothing can be told of our own address none is begun for ten minutes.
 */
import { encodeHex } from '../base/bytes.js';
import { after, earliest, type Instant } from '../base/instant.js';
import type { Path, SocketId } from '../engines/paths.js';
import { type Endpoint, endpointAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { AttemptFailure, KnownPlan } from './attempt-io.js';
import { costOf } from './campaign.js';
import { HardMemory } from './hard-memory.js';
import { type AskedPlan, type HeldPlan, HeldPlans } from './held-plans.js';
import { knownPlan } from './own-mapping.js';
import { OwnPorts } from './own-ports.js';
import { PingAllowance } from './ping-allowance.js';
import type { PortAttempt } from './port-attempt.js';
import type { PortSearchesOptions } from './port-searches-io.js';
import { type Ports, samePorts } from './ports.js';
import { RunningAttempts } from './running-attempts.js';
import { type PortMethod, type PortSearchRecord, SoughtPeer } from './sought-peer.js';

/** Sockets kept open for paths; each is a peer's. */
export const keptSocketsMax = 64;
/** What finds a path without this mostly has by then. */
const patienceMs = 1500;
/**
 * Where both NATs' descriptions say that nothing else will. The pings under way may prove them wrong until the plans
 * have crossed the relay and their addresses are confirmed, which takes twice as long again.
 */
const shortPatienceMs = 100;
/** There was no room for an attempt of its kind: others of a second or two are running. */
const noRoomMs = 250;
/** Our own address can't be told: nothing to begin with, for anybody. */
const hopelessMs = 600_000;
const ATTEMPT_BYTES = 8;

export class PortSearches {
  readonly #options: PortSearchesOptions;
  /** Peers that are or were looked for; the engine removes those that left the network. */
  readonly #sought = new Map<NodeKey, SoughtPeer>();
  readonly #running: RunningAttempts;
  readonly #allowance = new PingAllowance();
  readonly #held: HeldPlans;
  readonly #memory: HardMemory;
  readonly ownPorts: OwnPorts;
  #isOn = true;
  #hasServers = false;
  #hopelessUntil: Instant | undefined;
  /** The earliest that is due; the shell asks after every input, and there may be thousands of peers. */
  #dueAt: Instant | undefined;
  #isDueStale = true;

  constructor(options: PortSearchesOptions) {
    this.#options = options;
    this.#memory = new HardMemory(options.memory);
    this.#held = new HeldPlans(options.counters);
    this.ownPorts = new OwnPorts(options.mapping, this.#memory);
    this.#running = new RunningAttempts({
      random: options.random,
      emit: options.emit,
      lastHeard: options.lastHeard,
      onEnd: (...args) => this.#ended(...args),
    });
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Off: attempts end, none is begun, and no plan is answered. Paths that were found stay. */
  setOn(isOn: boolean, now: Instant): void {
    this.#isOn = isOn;
    if (!isOn) {
      this.#running.abandonAll(now);
      this.#held.clear();
    }
    this.#isDueStale = true;
  }

  /** A check is done: whether servers answered, and ports of mappings that they saw of ours. */
  setNetwork(hasServers: boolean, ports: readonly number[]): void {
    this.#hasServers = hasServers;
    this.ownPorts.note(ports);
  }

  /** What came of it so far; undefined: the peer was never looked for. */
  record(peer: NodeKey): PortSearchRecord | undefined {
    const sought = this.#sought.get(peer);
    const active = this.#running.get(peer);
    return active === undefined ? sought : sought?.during(active);
  }

  /** How the port of the peer's path was found; undefined: by pings alone. */
  method(peer: NodeKey, path: Path): PortMethod | undefined {
    return this.#sought.get(peer)?.methodOf(path);
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
    if (isLooking) sought.dueAt = later(sought.dueAt, this.#whenPatienceEnds(peer, now));
  }

  /** Where the peer's data goes now: a socket of ours is kept while it is there, and then closed. */
  pathChanged(peer: NodeKey, path: Path | undefined, now: Instant): void {
    const socketId = path?.kind === 'direct' ? path.socketId : undefined;
    if (path?.kind === 'direct') this.#held.forget(peer);
    if (path?.kind === 'direct' && this.#running.get(peer) !== undefined) {
      const sought = this.#sought.get(peer);
      if (sought !== undefined) sought.found = path;
    }
    if (socketId !== undefined) this.#running.found(peer, socketId, now);
    this.#running.kept.use(peer, socketId, now);
  }

  /** A ping of the peer came directly. */
  reached(peer: NodeKey, socketId: SocketId, now: Instant): void {
    this.#running.reached(peer, socketId, now);
  }

  /** The peer has sent a plan, whatever becomes of it: it is no stock client. */
  heardPlan(peer: NodeKey): void {
    const sought = this.#sought.get(peer);
    if (sought !== undefined) sought.knowsPlans = true;
  }

  /** A plan came over the relay; its address is one of the peer's. */
  plan(peer: NodeKey, id: string, isAnswer: boolean, theirs: Ports, now: Instant): void {
    if (!this.#isOn) {
      this.#options.counters.add('port-plan-off');
      return;
    }
    const active = this.#running.get(peer);
    if (isAnswer) {
      this.#answered(peer, active?.id === id ? active : undefined, theirs, now);
      return;
    }
    const sought = this.#sought.get(peer) ?? this.#add(peer, false, now);
    const refusal = this.#whyNotAnswer(peer, sought, theirs, now);
    if (refusal !== undefined) {
      const isHeld = refusal === 'port-plan-busy' && this.#held.hold(peer, { id, theirs }, now);
      if (!isHeld) this.#options.counters.add(refusal);
      return;
    }
    if (active?.isUntold === true) {
      this.#running.step(peer, (attempt) => attempt.adopt(id, theirs), now);
      return;
    }
    this.#running.abandon(peer, now);
    this.#start(peer, sought, { id, theirs }, now);
  }

  socketOpened(socketId: SocketId, now: Instant): void {
    this.#running.socketOpened(socketId, now);
  }

  /** It could not be opened, or died. */
  socketFailed(socketId: SocketId, now: Instant): void {
    this.#running.socketFailed(socketId, now);
  }

  stun(socketId: SocketId, source: Endpoint, bytes: Uint8Array, now: Instant): void {
    const isOurs = this.#running.stun(socketId, source, bytes, now);
    if (!isOurs) this.#options.counters.add('port-search-stun-unknown');
  }

  /** Everything that was foretold belongs to another network; sockets only if their address is gone. */
  networkChanged(lostAddress: boolean, now: Instant): void {
    this.#running.abandonAll(now);
    this.#held.clear();
    if (lostAddress) this.#running.kept.closeAll(now);
    this.#hopelessUntil = undefined;
    this.#hasServers = false;
    this.ownPorts.forget();
    this.#isDueStale = true;
    for (const sought of this.#sought.values()) {
      sought.failures = 0;
      sought.dueAt = after(now, patienceMs);
    }
  }

  /** The peer left the network. */
  forget(peer: NodeKey, now: Instant): void {
    this.#held.forget(peer);
    this.ownPorts.pongs.forget(peer);
    this.#running.abandon(peer, now);
    this.#running.kept.closeAllOf(peer, now);
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
    this.#running.runTimers(now);
    this.#answerHeld(now);
    const due = this.#nextDue();
    if (due === undefined || now < due) return;
    for (const [peer, sought] of this.#sought) {
      if (!sought.isLooking || now < sought.dueAt || this.#running.get(peer) !== undefined)
        continue;
      if (this.#canStart(peer)) this.#start(peer, sought, undefined, now);
      else sought.dueAt = after(now, noRoomMs);
      this.#isDueStale = true;
    }
  }

  nextTimeout(): Instant | undefined {
    const held = this.#held.nextTimeout((peer) => this.#canStart(peer));
    return earliest(earliest(this.#running.nextTimeout(), held), this.#nextDue());
  }

  /** There is room again: who has waited longest comes first. */
  #answerHeld(now: Instant): void {
    const hasRoom = (peer: NodeKey): boolean => this.#canStart(peer);
    const next = (): HeldPlan | undefined => this.#held.take(hasRoom, now);
    for (let held = next(); held !== undefined; held = next()) {
      const { peer, plan } = held;
      const sought = this.#sought.get(peer);
      const refusal = this.#whyNotServe(peer, plan?.theirs, now);
      if (refusal !== undefined) this.#options.counters.add(refusal);
      else if (sought !== undefined) this.#start(peer, sought, plan, now);
    }
  }

  /** When the next attempt may begin; undefined: not by itself. */
  #nextDue(): Instant | undefined {
    const hasRoom = this.#running.hasRoom(false) || this.#running.hasRoom(true);
    if (!this.#isOn || !hasRoom || !this.#hasServers || this.#isFull) return undefined;
    if (this.#isDueStale) {
      this.#dueAt = undefined;
      for (const [peer, { isLooking, dueAt }] of this.#sought) {
        const isIdle = this.#running.get(peer) === undefined;
        if (isLooking && isIdle) this.#dueAt = earliest(this.#dueAt, dueAt);
      }
      this.#isDueStale = false;
    }
    return this.#dueAt === undefined ? undefined : later(this.#dueAt, this.#hopelessUntil);
  }

  #answered(peer: NodeKey, active: PortAttempt | undefined, theirs: Ports, now: Instant): void {
    const { counters } = this.#options;
    if (active === undefined) {
      counters.add('port-plan-unasked');
      return;
    }
    // Who opens tells its plan a second time when that is done.
    const isNew = active.theirs === undefined;
    if (isNew && !this.#afford(peer, active.ours, theirs, true, now)) {
      counters.add('port-plan-too-costly');
    } else if (!isNew && !samePorts(active.theirs, theirs)) {
      counters.add('port-plan-changed');
    } else {
      this.#running.step(peer, (attempt) => attempt.answered(theirs, now), now);
    }
  }

  /** What going through a plan may cost us; as long as ours is not known, a list is taken to meet a list. */
  costOf(peer: NodeKey, theirs: Ports): number {
    const active = this.#running.get(peer);
    const ours = active?.ours ?? this.#known(peer)?.ports;
    if (ours === undefined && theirs.kind === 'list') return theirs.count;
    return costOf(ours, theirs, active?.isAsking === true);
  }

  #known(peer: NodeKey): KnownPlan | undefined {
    return this.ownPorts.known(peer, this.#sought.get(peer)?.failures ?? 0);
  }

  /** No socket could be kept for another path. */
  get #isFull(): boolean {
    return this.#running.kept.size >= keptSocketsMax;
  }

  get #isAble(): boolean {
    return this.#hasServers && !this.#isFull;
  }

  #canStart(peer: NodeKey): boolean {
    return this.#running.hasRoom(this.#known(peer)?.ports.kind === 'scatter');
  }

  /** Why a peer's plan gets no answer; both sides may begin at once, and then one of them goes on. */
  #whyNotAnswer(
    peer: NodeKey,
    sought: SoughtPeer,
    theirs: Ports,
    now: Instant,
  ): string | undefined {
    if (!sought.takePlan(now)) return 'port-plan-too-often';
    const active = this.#running.get(peer);
    if (!this.#isAble) return 'port-plan-unable';
    if (active === undefined && !this.#canStart(peer)) return 'port-plan-busy';
    if (active !== undefined && this.#isOursFirst(peer, active, theirs)) return 'port-plan-crossed';
    return this.#whyNotServe(peer, theirs, now);
  }

  /** `theirs` undefined: we would ask. */
  #whyNotServe(peer: NodeKey, theirs: Ports | undefined, now: Instant): string | undefined {
    if (!this.#isAble) return 'port-plan-unable';
    if (theirs === undefined) return undefined;
    const ours = this.#known(peer)?.ports;
    return this.#afford(peer, ours, theirs, false, now) ? undefined : 'port-plan-too-costly';
  }

  #afford(
    peer: NodeKey,
    ours: Ports | undefined,
    theirs: Ports,
    isAsker: boolean,
    now: Instant,
  ): boolean {
    const pings = costOf(ours, theirs, isAsker);
    const sought = this.#sought.get(peer);
    if (sought !== undefined) sought.afforded = pings;
    return this.#allowance.take(peer, endpointAddress(theirs.first), pings, now);
  }

  /** The list of one goes before the scatter, whose side has to know it anyway; else the smaller key does. */
  #isOursFirst(peer: NodeKey, active: PortAttempt, theirs: Ports): boolean {
    if (!active.isAsking || active.isUntold) return false;
    const [ourKind, theirKind] = [active.ours?.kind, theirs.kind];
    return ourKind === theirKind ? this.#options.ownKey < peer : ourKind === 'list';
  }

  #whenPatienceEnds(peer: NodeKey, now: Instant): Instant {
    return after(now, this.#options.cantBePunched(peer) ? shortPatienceMs : patienceMs);
  }

  #add(peer: NodeKey, isLooking: boolean, now: Instant): SoughtPeer {
    const sought = new SoughtPeer(isLooking, this.#whenPatienceEnds(peer, now));
    this.#sought.set(peer, sought);
    this.#isDueStale = true;
    return sought;
  }

  /** `asked`: the peer's plan to be answered; undefined: we ask. */
  #start(peer: NodeKey, sought: SoughtPeer, asked: AskedPlan | undefined, now: Instant): void {
    const { random, stockEndpoint } = this.#options;
    const { id = encodeHex(random.fill(new Uint8Array(ATTEMPT_BYTES))), theirs } = asked ?? {};
    sought.begun(now);
    this.#held.forget(peer);
    this.#isDueStale = true;
    const mapping = this.ownPorts.mapping(peer, sought.failures);
    const { servers, isOpenToAddress } = mapping;
    const openerTtl = this.#memory.openerTtl(sought.openings, mapping.openerTtl);
    const seenPorts = [...this.ownPorts.seen, ...mapping.rangeEnds];
    const known = knownPlan(mapping, this.ownPorts.seen);
    const mayBeStock = theirs === undefined && sought.failures > 0 && !sought.knowsPlans;
    const stock = mayBeStock ? stockEndpoint(peer) : undefined;
    const wanted = { id, known, servers, seenPorts, isOpenToAddress, theirs, stock, openerTtl };
    this.#running.start(peer, wanted, now);
  }

  #ended(
    peer: NodeKey,
    attempt: PortAttempt,
    failure: AttemptFailure | undefined,
    now: Instant,
  ): void {
    const { counters } = this.#options;
    counters.add(`port-search-${failure ?? 'found'}`);
    counters.add('port-search-pings', attempt.pings);
    this.ownPorts.note(attempt.mappedPorts);
    this.#isDueStale = true;
    if (failure === 'addresses-differ' || failure === 'no-udp') {
      this.#hopelessUntil = after(now, hopelessMs);
    }
    const sought = this.#sought.get(peer);
    if (sought === undefined) return;
    const { theirs, pings } = attempt;
    if (theirs !== undefined) {
      this.#allowance.settle(peer, endpointAddress(theirs.first), sought.afforded, pings);
    }
    sought.ended(attempt, failure, now);
    this.#memory.learn(sought.method, attempt, failure, now);
  }
}

function later(a: Instant, b: Instant | undefined): Instant {
  return b === undefined || a >= b ? a : b;
}
