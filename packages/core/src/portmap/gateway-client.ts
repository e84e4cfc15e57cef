/**
 * A mapping at a server on the gateway's port 5351, by PCP or NAT-PMP (dialect.ts): see method.ts for its states.
 *
 *     idle --map--> asking --answer--> mapped --renewal at half life, check every minute--> mapped
 *       ^             |  refused, silent |  ran out, refused
 *       +-------------+------------------+         mapped --move--> deleting --> asking, elsewhere
 *     release: deleted by three packets within a second, answered or not
 *
 * Whether the server is there is gateway-presence.ts's matter. A blind forger would have to meet the moments in which an
 * answer is awaited, and PCP's nonce besides.
 */
import { assert } from '../base/assert.js';
import { isFailure } from '../base/failure.js';
import { earliest, type Instant } from '../base/instant.js';
import { randomBetween } from '../base/random.js';
import { type Endpoint, endpoint } from '../ip/address.js';
import type { Dialect, ServerAnswer } from './dialect.js';
import { doublingWaits, Exchanges } from './exchanges.js';
import { externalScope } from './external-address.js';
import { GatewayMapping, type Grant } from './gateway-mapping.js';
import { GatewayPresence } from './gateway-presence.js';
import type { RememberedMapping } from './io.js';
import { Leftovers } from './leftovers.js';
import { MappingClock } from './mapping-clock.js';
import type {
  MappingMethod,
  MethodFacts,
  MethodInput,
  MethodOptions,
  MethodOutput,
} from './method.js';
import { mappingServerPort } from './natpmp.js';

/** 250 ms to 2 s: 3.75 s in all. A router that is there answers within one. */
const probeWaitsMs = doublingWaits(4);
/** 250 ms to 4 s: creating a mapping may take a slow router a second. */
const mapWaitsMs = doublingWaits(5);
/** Within releaseMaxMs. */
const deleteWaitsMs = [250, 350, 500];
/** A server that is silent or absent is worth another look after this time. */
const silentRetryMs = 60_000;
const lowestExternalPort = 1024;

const PROBE = 'probe';
const MAP = 'map';
const DELETE = 'delete';

type Phase = 'idle' | 'asking' | 'mapped' | 'deleting' | 'abandoning' | 'releasing' | 'released';

export class GatewayClient implements MappingMethod {
  readonly protocol: 'pcp' | 'natpmp';
  readonly #dialect: Dialect;
  readonly #options: MethodOptions;
  readonly #server: GatewayPresence;
  readonly #exchanges: Exchanges;
  readonly #outputs: MethodOutput[] = [];
  readonly #leftovers: Leftovers;
  readonly #clock = new MappingClock();
  /** The server; undefined: the machine hasn't begun. */
  #target: Endpoint | undefined;
  #own: GatewayMapping | undefined;
  #phase: Phase = 'idle';
  /** Why the mapping is being deleted. */
  #abandoned = '';

  constructor(dialect: Dialect, options: MethodOptions) {
    this.protocol = dialect.protocol;
    this.#dialect = dialect;
    this.#options = options;
    this.#server = new GatewayPresence(dialect.epochRule);
    const send = (bytes: Uint8Array): void => this.#send(bytes);
    this.#leftovers = new Leftovers({
      ...{ dialect, send, counters: options.counters },
      onForgotten: (mapping) => this.#outputs.push({ type: 'forgotten', mapping }),
    });
    this.#exchanges = new Exchanges(send, (key, now) => this.#unanswered(key, now));
  }

  handle(input: MethodInput, now: Instant): void {
    if (this.#phase === 'released') return;
    if (input.type === 'begin') {
      const { gateway, self, internalPort } = input;
      this.#target = endpoint(gateway, mappingServerPort);
      this.#own = new GatewayMapping(this.#dialect, { gateway, self, internalPort });
      this.#probe(now);
    } else if (input.type === 'datagram') {
      this.#datagram(input.bytes, now);
    } else if (input.type === 'timeout') {
      this.#runTimers(now);
    } else if (this.#phase !== 'releasing') {
      this.#command(input, now);
    }
  }

  poll(): MethodOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return earliest(
      this.#leftovers.nextTimeout(),
      this.#exchanges.nextTimeout(),
      this.#clock.nextTimeout(),
    );
  }

  get facts(): MethodFacts {
    return {
      isLooking: this.#exchanges.has(PROBE),
      address: this.#own?.address ?? this.#server.address,
      epoch: this.#server.epoch,
      devices: [],
      ...this.#clock.plan,
    };
  }

  get #mapping(): GatewayMapping {
    assert(this.#own !== undefined, 'a mapping method begins first');
    return this.#own;
  }

  #command(input: MethodInput, now: Instant): void {
    switch (input.type) {
      case 'probe':
        this.#probe(now);
        break;
      case 'map':
        if (this.#phase === 'idle') this.#map(input.externalPort, input.remembered, now);
        break;
      case 'move':
        if (this.#phase === 'mapped') this.#move(now);
        break;
      case 'forget':
        this.#leftovers.forget(this.#mapping.self, input.mapping, this.#mapping.key, now);
        break;
      case 'router-restarted':
        if (this.#phase === 'mapped') this.#clock.renewAt(now);
        break;
      case 'release':
        this.#release(now);
        break;
      default:
        break; // HTTP is UPnP's
    }
  }

  #probe(now: Instant): void {
    if (this.#exchanges.has(PROBE)) return;
    this.#server.asked(now);
    this.#exchanges.start(PROBE, this.#dialect.probe(this.#mapping.self), probeWaitsMs, now);
  }

  #map(externalPort: number, remembered: RememberedMapping | undefined, now: Instant): void {
    this.#mapping.wish(externalPort, remembered);
    this.#phase = 'asking';
    if (this.#server.isThere === true) this.#ask(now);
    else this.#probe(now);
  }

  #ask(now: Instant): void {
    const { address } = this.#server;
    if (address !== undefined && externalScope(address) === 'unusable') {
      this.#fail(`the router has no external address (${address})`, silentRetryMs);
      return;
    }
    const bytes = this.#mapping.request();
    if (bytes !== undefined) this.#exchanges.start(MAP, bytes, mapWaitsMs, now);
  }

  #move(now: Instant): void {
    this.#exchanges.end(MAP);
    this.#clock.clear();
    this.#phase = 'deleting';
    this.#delete(now);
  }

  #release(now: Instant): void {
    const isBeingDeleted = this.#phase === 'abandoning';
    const wasAsked = this.#exchanges.has(MAP) || this.#mapping.isGranted || isBeingDeleted;
    this.#exchanges.clear();
    this.#leftovers.clear();
    this.#clock.clear();
    this.#phase = 'releasing';
    if (!wasAsked || !this.#delete(now)) this.#released(false);
  }

  #released(unanswered: boolean): void {
    this.#phase = 'released';
    this.#exchanges.clear();
    this.#outputs.push({ type: 'released', unanswered });
  }

  /** False: there is nothing to delete. */
  #delete(now: Instant): boolean {
    const bytes = this.#mapping.deletion();
    if (bytes === undefined) return false;
    this.#exchanges.start(DELETE, bytes, deleteWaitsMs, now);
    return true;
  }

  /** Deleted, or there is nobody to delete it. */
  #deleted(now: Instant, answered = true): void {
    if (this.#phase === 'releasing') {
      this.#released(!answered);
    } else if (this.#phase === 'abandoning') {
      this.#fail(this.#abandoned, silentRetryMs);
    } else if (this.#phase === 'deleting') {
      const port = Math.floor(randomBetween(this.#options.random, lowestExternalPort, 65_536));
      this.#mapping.wishElsewhere(port);
      this.#phase = 'asking';
      this.#ask(now);
    }
  }

  #datagram(bytes: Uint8Array, now: Instant): void {
    const answer = this.#dialect.decode(bytes);
    if (isFailure(answer)) {
      this.#options.counters.add(`portmap-${answer.reason}`);
      return;
    }
    switch (answer.type) {
      case 'presence':
        this.#presence(answer, now);
        break;
      case 'mapping':
        this.#mapped(answer, now);
        break;
      case 'error':
        this.#error(answer, now);
        break;
    }
  }

  #presence(answer: Extract<ServerAnswer, { type: 'presence' }>, now: Instant): void {
    if (this.#phase === 'releasing') return;
    if (!this.#exchanges.end(PROBE)) {
      this.#count('unasked');
      const askAt = this.#server.announced(answer.epochSeconds, now);
      if (askAt !== undefined) this.#clock.checkBefore(askAt);
      return;
    }
    const { isNew, hasMoved, hasRestarted } = this.#server.answered(answer, now);
    if (isNew) this.#outputs.push({ type: 'found' });
    if (this.#phase === 'asking') {
      if (this.#mapping.isGranted) this.#granted(now);
      else if (!this.#exchanges.has(MAP)) this.#ask(now);
    } else if (this.#phase === 'mapped') {
      this.#clock.checked(now);
      if (hasMoved) this.#granted(now);
    }
    if (hasRestarted) this.#restarted(now);
  }

  #restarted(now: Instant): void {
    this.#count('router-restarted');
    this.#outputs.push({ type: 'router-restarted' });
    if (this.#phase === 'mapped') this.#renew(now);
  }

  #mapped(answer: Grant, now: Instant): void {
    const isOurs = this.#mapping.key === answer.ticket;
    const isDeletion = answer.lifetimeSeconds === 0;
    if (isOurs && isDeletion && this.#exchanges.end(DELETE)) {
      this.#deleted(now);
      return;
    }
    if (!isOurs || !this.#exchanges.has(MAP)) {
      // Also the late answer to a request whose mapping is being deleted.
      if (!isDeletion || !this.#leftovers.end(answer.ticket)) this.#count('unasked');
      return;
    }
    if (isDeletion || answer.externalPort === 0) {
      this.#count('useless');
      return;
    }
    this.#exchanges.end(MAP);
    const hasRestarted = !this.#server.takeEpoch(answer.epochSeconds, now);
    this.#mapping.granted(answer);
    this.#clock.granted(answer.lifetimeSeconds * 1000, now);
    this.#granted(now);
    if (!hasRestarted) return;
    // This answer is already of the router's new life.
    this.#count('router-restarted');
    this.#outputs.push({ type: 'router-restarted' });
  }

  /** Tells the mapping as soon as port and address are known. */
  #granted(now: Instant): void {
    const address = this.#mapping.address ?? this.#server.address;
    if (address === undefined) {
      this.#probe(now);
      return;
    }
    if (externalScope(address) === 'unusable') {
      this.#count('useless');
      this.#abandon(`the router tells ${address} as its external address`, now);
      return;
    }
    const granted = this.#mapping.at(address);
    if (granted === undefined) return;
    this.#phase = 'mapped';
    this.#outputs.push({ type: 'granted', ...granted });
  }

  #error(answer: Extract<ServerAnswer, { type: 'error' }>, now: Instant): void {
    const { ticket, words, retryAfterMs } = answer;
    if (answer.of !== 'mapping' && this.#exchanges.end(PROBE)) {
      // The next renewal will tell, or the deletion that is under way.
      if (['mapped', 'deleting', 'abandoning'].includes(this.#phase)) return;
      this.#server.isThere = false;
      this.#fail(words, retryAfterMs);
      return;
    }
    const isNamed = ticket === undefined || ticket === this.#mapping.key;
    const mayBeOurs = answer.of !== 'probe' && isNamed;
    if (mayBeOurs && this.#exchanges.end(MAP)) {
      this.#refused(words, retryAfterMs, now);
    } else if (mayBeOurs && this.#exchanges.end(DELETE)) {
      this.#deleted(now);
    } else if (answer.of === 'probe' || !this.#leftovers.end(ticket)) {
      this.#count('unasked');
    }
  }

  #refused(reason: string, retryAfterMs: number, now: Instant): void {
    if (this.#mapping.wishAnew()) this.#ask(now);
    else this.#fail(reason, retryAfterMs);
  }

  #unanswered(key: string, now: Instant): void {
    const silence = `the router does not answer over ${this.protocol === 'pcp' ? 'PCP' : 'NAT-PMP'}`;
    if (key === PROBE) {
      if (this.#phase === 'mapped' || this.#phase === 'deleting') return; // the renewal decides
      if (this.#exchanges.has(MAP)) return;
      if (this.#phase === 'abandoning') return;
      this.#server.isThere = false;
      if (this.#mapping.isGranted) this.#abandon(silence, now);
      else this.#fail(silence, silentRetryMs);
    } else if (key === DELETE) {
      this.#deleted(now, false);
    } else if (this.#phase === 'mapped') {
      this.#clock.unanswered(now);
    } else {
      // It may have been made and its answer lost.
      this.#abandon(silence, now);
    }
  }

  /** Deletes first and fails then: NAT-PMP's deletion would hit what another protocol maps meanwhile. */
  #abandon(reason: string, now: Instant): void {
    this.#exchanges.end(MAP);
    this.#clock.clear();
    this.#phase = 'abandoning';
    this.#abandoned = reason;
    this.#delete(now);
  }

  #fail(reason: string, retryAfterMs: number): void {
    this.#exchanges.end(MAP);
    this.#clock.clear();
    this.#phase = 'idle';
    this.#mapping.clear();
    const present = this.#server.isThere === true;
    this.#outputs.push({ type: 'failed', reason, present, retryAfterMs });
  }

  #renew(now: Instant): void {
    if (this.#exchanges.has(MAP)) return;
    this.#ask(now);
    // NAT-PMP's answer has no address, and it may be another one by now.
    if (this.protocol === 'natpmp') this.#probe(now);
  }

  #runTimers(now: Instant): void {
    this.#exchanges.runTimers(now);
    this.#leftovers.runTimers(now);
    if (this.#clock.hasExpired(now)) {
      this.#fail('the mapping ran out and the router does not answer', silentRetryMs);
    }
    if (this.#clock.takeRenewal(now)) this.#renew(now);
    if (this.#clock.takeCheck(now)) {
      if (this.#phase === 'mapped') this.#clock.checked(now);
      this.#probe(now);
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#target === undefined) return;
    this.#outputs.push({ type: 'send', target: this.#target, bytes });
  }

  #count(what: 'unasked' | 'useless' | 'router-restarted'): void {
    this.#options.counters.add(`portmap-${this.protocol}-${what}`);
  }
}
