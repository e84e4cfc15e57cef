/**
 * The control client: login, the map poll, lite updates, and the one connection under them.
 *
 *     down --login, back-off over--> connecting --connected--> up --disconnected, silence--> down
 *
 * After every input the client starts whatever should run now and does not. The connection's failures back
 * off once, here; a loop backs off only for failures of its own requests. The netmap survives all of it.
 *
 * Source: the protocol of the Tailscale family ("ts2021") as its stock clients speak it.
 */
import { Counters } from '../base/counters.js';
import { earliest, type Instant } from '../base/instant.js';
import type { JsonObject } from '../base/json.js';
import type { DiscoKey, NodePrivateKey } from '../keys/keys.js';
import type { NatDescription } from '../netmap/nat-description.js';
import { encodeNat } from '../netmap/nat-json.js';
import type { NetInfo, OwnEndpoint } from '../netmap/own.js';
import type { PathReport } from '../netmap/path-report.js';
import type { Netmap, NetmapNode } from '../netmap/types.js';
import type { Crypto, Machine, Random } from '../ports.js';
import { Backoff } from './backoff.js';
import type { ControlClientInput, ControlClientOutput, LoginState } from './io.js';
import { MapLoop } from './map-loop.js';
import type { OwnState } from './messages.js';
import { Outbox } from './outbox.js';
import { Paced } from './paced.js';
import { PingAnswers } from './ping-answers.js';
import { RegisterLoop } from './register-loop.js';
import { UpdateLoop } from './update-loop.js';

export interface ControlClientOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  /** From the state file; undefined: this machine has never joined. */
  readonly nodeKey: NodePrivateKey | undefined;
  readonly discoKey: DiscoKey;
  /** Control's Hostinfo without NetInfo; at least OS and Hostname. */
  readonly hostInfo: JsonObject;
  /** Ask to be deleted when away. */
  readonly ephemeral: boolean;
  /** Use subnet routes of peers. */
  readonly acceptRoutes: boolean;
  /**
   * Where control is, `https://host[:port]` in small letters: what it asks to fetch beside its connection is fetched
   * from there only. Absent: from nowhere.
   */
  readonly origin?: string;
}

/** Between two tellings of what changes often: it wakes control, and of the NAT every peer too. */
export const reportGapMs = 5000;
/** A NAT is known step by step within seconds of the start: class, filtering, choice of ports. */
const natBurst = 4;

type ConnectionPhase = 'down' | 'connecting' | 'up';

export class ControlClient implements Machine<ControlClientInput, ControlClientOutput> {
  readonly counters = new Counters();
  readonly #outbox = new Outbox();
  readonly #register: RegisterLoop;
  readonly #map: MapLoop;
  readonly #pings: PingAnswers;
  readonly #update: UpdateLoop;
  readonly #reconnect: Backoff;
  readonly #discoKey: DiscoKey;
  #connection: ConnectionPhase = 'down';
  #hostInfo: JsonObject;
  #endpoints: readonly OwnEndpoint[] = [];
  #netInfo: NetInfo | undefined;
  /** As it is told: what says the same is no news, however often it comes. */
  #natText = '';
  readonly #nat = new Paced<NatDescription>(reportGapMs, natBurst);
  readonly #paths = new Paced<readonly PathReport[]>(reportGapMs);
  #state: LoginState | undefined;

  constructor(options: ControlClientOptions) {
    const { crypto, random, nodeKey, ephemeral, acceptRoutes } = options;
    const shared = { random, outbox: this.#outbox, counters: this.counters };
    this.#discoKey = options.discoKey;
    this.#hostInfo = options.hostInfo;
    this.#register = new RegisterLoop({ ...shared, crypto, nodeKey, ephemeral });
    this.#pings = new PingAnswers({ ...shared, origin: options.origin });
    this.#map = new MapLoop({ ...shared, acceptRoutes, pings: this.#pings });
    this.#update = new UpdateLoop(this.#outbox, random);
    this.#reconnect = new Backoff(random);
  }

  /** The newest netmap, also while control is out of reach. */
  get netmap(): Netmap | undefined {
    return this.#map.netmap;
  }

  handle(input: ControlClientInput, now: Instant): void {
    switch (input.type) {
      case 'login':
        this.#logIn(input.authKey, input.force === true);
        break;
      case 'logout':
        this.#map.stop();
        this.#update.reset();
        this.#register.logOut(this.#connection === 'up', this.#hostInfo, now);
        break;
      case 'connected':
        this.#connection = 'up';
        break;
      case 'disconnected':
        this.#lose(now);
        break;
      case 'link-changed':
        if (this.#connection === 'down') this.#reconnect.reset();
        break;
      case 'response':
        this.#takeResponse(input, now);
        break;
      case 'stream-bytes':
        if (this.#map.handleBytes(input.id, input.bytes, now)) this.#reconnect.reset();
        break;
      case 'request-failed':
        if (this.#pings.ended(input.id)) break;
        if (this.#register.handleFailure(input.id, now)) break;
        if (this.#map.handleFailure(input.id, now)) break;
        this.#update.handleFailure(input.id, now);
        break;
      case 'host-info':
        this.#hostInfo = input.hostInfo;
        break;
      case 'endpoints':
        this.#endpoints = input.endpoints;
        break;
      case 'net-info':
        this.#netInfo = input.netInfo;
        break;
      case 'nat-description':
        this.#setNat(input.nat);
        break;
      case 'path-reports':
        this.#paths.set(input.reports);
        break;
      case 'timeout':
        break;
    }
    this.#drive(now);
    this.#tellState();
  }

  poll(): ControlClientOutput | undefined {
    return this.#outbox.poll();
  }

  nextTimeout(): Instant | undefined {
    if (this.#register.phase === 'idle') return undefined;
    const isUp = this.#connection === 'up';
    const isPolling = isUp && this.#register.isMember;
    return earliest(
      this.#connection === 'down' ? this.#reconnect.until : undefined,
      isUp ? this.#register.nextTimeout() : undefined,
      isPolling && !this.#map.isRefused ? this.#update.nextTimeout() : undefined,
      isPolling ? earliest(this.#nat.nextTimeout(), this.#paths.nextTimeout()) : undefined,
      this.#map.nextTimeout(isPolling),
    );
  }

  #logIn(authKey: string | undefined, force: boolean): void {
    const isSettled = this.#register.isMember && !this.#needsLogin();
    if (isSettled && !force) return; // already in: the key is not spent
    if (!isSettled) this.#map.begin();
    this.#register.start(authKey, force);
  }

  /** Ourselves in the netmap; undefined while there is none for the present key. */
  #setNat(nat: NatDescription): void {
    const text = JSON.stringify(encodeNat(nat));
    if (text === this.#natText) return;
    this.#natText = text;
    this.#nat.set(nat);
  }

  #self(): NetmapNode | undefined {
    const self = this.#map.netmap?.self;
    return self?.key === this.#register.nodeKey ? self : undefined;
  }

  /** True when control has stopped taking our present registration. */
  #needsLogin(): boolean {
    return this.#map.isRefused || this.#self()?.expired === true;
  }

  #takeResponse(input: Extract<ControlClientInput, { type: 'response' }>, now: Instant): void {
    // It says nothing of the connection: it had its own.
    if (this.#pings.ended(input.id)) return;
    this.#reconnect.reset();
    const { id, status } = input;
    const { isRenewing } = this.#register;
    if (this.#register.handleResponse(input, now)) return;
    if (this.#map.handleResponse(input, now, isRenewing)) return;
    this.#update.handleResponse(id, status, now);
  }

  #lose(now: Instant): void {
    this.#connection = 'down';
    this.#reconnect.fail(now);
    this.#register.reset();
    this.#map.reset();
    this.#update.reset();
  }

  /** Starts whatever should run and doesn't. */
  #drive(now: Instant): void {
    this.#map.checkExpiry(now);
    if (this.#register.phase === 'idle') return;
    if (this.#connection === 'up' && this.#map.isSilent(now)) {
      this.counters.add('control-watchdog');
      this.#lose(now);
    }
    if (this.#connection === 'down' && this.#reconnect.isDue(now)) {
      this.#connection = 'connecting';
      this.#outbox.emit({ type: 'connect' });
    }
    if (this.#connection !== 'up') return;
    this.#register.step(this.#hostInfo, now);
    const own = this.#ownState(now);
    if (!this.#register.isMember || own === undefined) return;
    this.#map.step(own, now);
    if (!this.#map.isRefused) this.#update.step(own, now);
  }

  #ownState(now: Instant): OwnState | undefined {
    const nodeKey = this.#register.nodeKey;
    if (nodeKey === undefined) return undefined;
    return {
      nodeKey,
      discoKey: this.#discoKey,
      hostInfo: this.#hostInfo,
      netInfo: this.#netInfo,
      endpoints: this.#endpoints,
      nat: this.#nat.take(now),
      paths: this.#paths.take(now),
    };
  }

  #loginState(): LoginState {
    const { phase, nodeKey, waitsForPerson } = this.#register;
    if (phase === 'idle' || phase === 'leaving' || nodeKey === undefined || waitsForPerson) {
      return 'NeedsLogin';
    }
    if (this.#needsLogin()) return 'NeedsLogin';
    const self = this.#self();
    if (self === undefined) return 'Starting';
    return self.machineAuthorized ? 'Running' : 'NeedsMachineAuth';
  }

  #tellState(): void {
    const state = this.#loginState();
    if (state === this.#state) return;
    this.#state = state;
    this.#outbox.emit({ type: 'state', state });
  }
}
