/**
 * A mapping at a server on the gateway's port 5351, by PCP or NAT-PMP (dialect.ts): see method.ts for its states.
 *
 *     idle --map--> asking --answer--> mapped --renewal at half life, check every minute--> mapped
 *       ^             |  refused, silent |  ran out, refused
 *       +-------------+------------------+         mapped --move--> deleting --> asking, elsewhere
 *     release: deleted by three packets within a second, answered or not
 *
 * What nobody asked for is believed in nothing: an announcement whose epoch doesn't fit only makes us ask.
 * A blind forger would have to meet the moments in which an answer is awaited, and PCP's nonce besides.
 */
import { isFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { randomBetween } from '../base/random.js';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import type { Dialect, ServerAnswer, Ticket } from './dialect.js';
import { EpochWatch } from './epoch.js';
import { doublingWaits, Exchanges } from './exchanges.js';
import { externalScope } from './external-address.js';
import type { RememberedMapping } from './io.js';
import { Leftovers } from './leftovers.js';
import { MappingClock } from './mapping-clock.js';
import type { MappingMethod, MethodInput, MethodOptions, MethodOutput } from './method.js';
import { mappingServerPort } from './natpmp.js';
import { gatewayMapping } from './remembered.js';

/** Asked for; RFC 6886 section 3.3 recommends it. */
export const requestedLifetimeSeconds = 7200;
/** Between checks that announcements cause: forged ones must not make us busy. */
const announcedCheckMs = 5_000;
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

interface Place {
  readonly gateway: IpAddress;
  readonly self: IpAddress;
  readonly internalPort: number;
  readonly server: Endpoint;
}

type Grant = Extract<ServerAnswer, { readonly type: 'mapping' }>;

export class GatewayClient implements MappingMethod {
  readonly protocol: 'pcp' | 'natpmp';
  readonly #dialect: Dialect;
  readonly #options: MethodOptions;
  readonly #watch: EpochWatch;
  readonly #exchanges: Exchanges;
  readonly #outputs: MethodOutput[] = [];
  readonly #clock = new MappingClock();
  readonly #leftovers: Leftovers;
  #place: Place | undefined;
  #phase: Phase = 'idle';
  #present: boolean | undefined;
  /** NAT-PMP's external address. */
  #address: IpAddress | undefined;
  #ticket: Ticket | undefined;
  /** The ticket is an earlier run's, and the router hasn't said yes to it. */
  #isTakenUp = false;
  #grant: Grant | undefined;
  /** Why the mapping is being deleted. */
  #abandoned = '';
  #probedAt: Instant | undefined;

  constructor(dialect: Dialect, options: MethodOptions) {
    this.protocol = dialect.protocol;
    this.#dialect = dialect;
    this.#options = options;
    this.#watch = new EpochWatch(dialect.epochRule);
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
      this.#place = { gateway, self, internalPort, server: endpoint(gateway, mappingServerPort) };
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
        this.#forget(input.mapping, now);
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
    if (this.#place === undefined || this.#exchanges.has(PROBE)) return;
    this.#probedAt = now;
    this.#exchanges.start(PROBE, this.#dialect.probe(this.#place.self), probeWaitsMs, now);
  }

  #map(externalPort: number, remembered: RememberedMapping | undefined, now: Instant): void {
    if (this.#place === undefined) return;
    const old = remembered === undefined ? undefined : this.#dialect.rememberedTicket(remembered);
    this.#isTakenUp = old !== undefined;
    this.#ticket = old ?? this.#dialect.newTicket(this.#place.internalPort, externalPort);
    this.#phase = 'asking';
    if (this.#present === true) this.#ask(now);
    else this.#probe(now);
  }

  #ask(now: Instant): void {
    if (this.#place === undefined || this.#ticket === undefined) return;
    if (this.#address !== undefined && externalScope(this.#address) === 'unusable') {
      this.#fail(`the router has no external address (${this.#address})`, silentRetryMs);
      return;
    }
    const { self } = this.#place;
    const bytes = this.#dialect.request(self, this.#ticket, requestedLifetimeSeconds);
    this.#exchanges.start(MAP, bytes, mapWaitsMs, now);
  }

  #move(now: Instant): void {
    this.#exchanges.end(MAP);
    this.#clock.clear();
    this.#phase = 'deleting';
    if (this.#ticket !== undefined) this.#delete(this.#ticket, now);
  }

  #forget(mapping: RememberedMapping, now: Instant): void {
    if (this.#place === undefined) return;
    const kept = this.#ticket === undefined ? undefined : this.#dialect.keyOf(this.#ticket);
    this.#leftovers.forget(this.#place.self, mapping, kept, now);
  }

  #release(now: Instant): void {
    const isBeingDeleted = this.#phase === 'abandoning';
    const wasAsked = this.#exchanges.has(MAP) || this.#grant !== undefined || isBeingDeleted;
    const ticket = wasAsked ? this.#ticket : undefined;
    this.#exchanges.clear();
    this.#leftovers.clear();
    this.#clock.clear();
    this.#phase = 'releasing';
    if (ticket === undefined) this.#released(false);
    else this.#delete(ticket, now);
  }

  #released(unanswered: boolean): void {
    this.#phase = 'released';
    this.#exchanges.clear();
    this.#outputs.push({ type: 'released', unanswered });
  }

  #delete(ticket: Ticket, now: Instant): void {
    if (this.#place === undefined) return;
    const bytes = this.#dialect.deletion(this.#place.self, ticket);
    this.#exchanges.start(DELETE, bytes, deleteWaitsMs, now);
  }

  /** Deleted, or there is nobody to delete it. */
  #deleted(now: Instant, answered = true): void {
    if (this.#phase === 'releasing') {
      this.#released(!answered);
    } else if (this.#phase === 'abandoning') {
      this.#fail(this.#abandoned, silentRetryMs);
    } else if (this.#phase === 'deleting' && this.#place !== undefined) {
      const port = Math.floor(randomBetween(this.#options.random, lowestExternalPort, 65_536));
      this.#grant = undefined;
      this.#ticket = this.#dialect.newTicket(this.#place.internalPort, port);
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
        this.#mapping(answer, now);
        break;
      case 'error':
        this.#error(answer, now);
        break;
    }
  }

  #presence(answer: Extract<ServerAnswer, { type: 'presence' }>, now: Instant): void {
    if (this.#phase === 'releasing') return;
    if (!this.#exchanges.end(PROBE)) {
      this.#announced(answer.epochSeconds, now);
      return;
    }
    const restarted = !this.#watch.take(answer.epochSeconds, now);
    const isNew = this.#present !== true;
    this.#present = true;
    if (isNew) this.#outputs.push({ type: 'found' });
    const { address = this.#address } = answer;
    const moved = address !== this.#address;
    this.#address = address;
    if (this.#phase === 'asking') {
      if (this.#grant !== undefined) this.#granted(now);
      else if (!this.#exchanges.has(MAP)) this.#ask(now);
    } else if (this.#phase === 'mapped') {
      this.#clock.checked(now);
      if (moved) this.#granted(now);
    }
    if (restarted) this.#restarted(now);
  }

  /** Nobody asked: an announcement, a second answer, or a forgery. */
  #announced(epochSeconds: number, now: Instant): void {
    this.#count('unasked');
    if (this.#present === true && this.#watch.agrees(epochSeconds, now)) return;
    const earliestAt = after(this.#probedAt ?? now, announcedCheckMs);
    this.#clock.checkBefore(earliestAt < now ? now : earliestAt);
  }

  #restarted(now: Instant): void {
    this.#count('router-restarted');
    this.#outputs.push({ type: 'router-restarted' });
    if (this.#phase === 'mapped') this.#renew(now);
  }

  #mapping(answer: Grant, now: Instant): void {
    const isOurs =
      this.#ticket !== undefined && this.#dialect.keyOf(this.#ticket) === answer.ticket;
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
    this.#isTakenUp = false;
    const restarted = !this.#watch.take(answer.epochSeconds, now);
    this.#grant = answer;
    this.#clock.granted(answer.lifetimeSeconds * 1000, now);
    this.#granted(now);
    if (!restarted) return;
    // This answer is already of the router's new life.
    this.#count('router-restarted');
    this.#outputs.push({ type: 'router-restarted' });
  }

  /** Tells the mapping as soon as port and address are known. */
  #granted(now: Instant): void {
    const [place, grant, ticket] = [this.#place, this.#grant, this.#ticket];
    if (place === undefined || grant === undefined || ticket === undefined) return;
    const address = grant.address ?? this.#address;
    if (address === undefined) {
      this.#probe(now);
      return;
    }
    if (externalScope(address) === 'unusable') {
      this.#count('useless');
      this.#abandon(`the router tells ${address} as its external address`, now);
      return;
    }
    const { externalPort, lifetimeSeconds } = grant;
    this.#phase = 'mapped';
    this.#ticket = { ...ticket, externalPort, externalAddress: address };
    const external = endpoint(address, externalPort);
    const remember = gatewayMapping(this.protocol, place, external, ticket.nonce);
    const lifetimeMs = lifetimeSeconds * 1000;
    this.#outputs.push({ type: 'granted', external, lifetimeMs, remember });
  }

  #error(answer: Extract<ServerAnswer, { type: 'error' }>, now: Instant): void {
    const { ticket, words, retryAfterMs } = answer;
    if (answer.of !== 'mapping' && this.#exchanges.end(PROBE)) {
      // The next renewal will tell, or the deletion that is under way.
      if (['mapped', 'deleting', 'abandoning'].includes(this.#phase)) return;
      this.#present = false;
      this.#fail(words, retryAfterMs);
      return;
    }
    const own = this.#ticket === undefined ? undefined : this.#dialect.keyOf(this.#ticket);
    const mayBeOurs = answer.of !== 'probe' && (ticket === undefined || ticket === own);
    if (mayBeOurs && this.#exchanges.end(MAP)) {
      this.#refused(words, retryAfterMs, now);
    } else if (mayBeOurs && this.#exchanges.end(DELETE)) {
      this.#deleted(now);
    } else if (answer.of === 'probe' || !this.#leftovers.end(ticket)) {
      this.#count('unasked');
    }
  }

  #refused(reason: string, retryAfterMs: number, now: Instant): void {
    if (this.#isTakenUp && this.#place !== undefined) {
      // The earlier run's is another one's by now, or the server forgot its nonce: a new one then.
      this.#isTakenUp = false;
      this.#ticket = this.#dialect.newTicket(this.#place.internalPort, 0);
      this.#ask(now);
      return;
    }
    this.#fail(reason, retryAfterMs);
  }

  #unanswered(key: string, now: Instant): void {
    const silence = `the router does not answer over ${this.protocol === 'pcp' ? 'PCP' : 'NAT-PMP'}`;
    if (key === PROBE) {
      if (this.#phase === 'mapped' || this.#phase === 'deleting') return; // the renewal decides
      if (this.#exchanges.has(MAP)) return;
      if (this.#phase === 'abandoning') return;
      this.#present = false;
      if (this.#grant === undefined) this.#fail(silence, silentRetryMs);
      else this.#abandon(silence, now);
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
    if (this.#ticket !== undefined) this.#delete(this.#ticket, now);
  }

  #fail(reason: string, retryAfterMs: number): void {
    this.#exchanges.end(MAP);
    this.#clock.clear();
    this.#phase = 'idle';
    this.#ticket = undefined;
    this.#grant = undefined;
    this.#isTakenUp = false;
    this.#outputs.push({ type: 'failed', reason, present: this.#present === true, retryAfterMs });
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
    if (this.#place === undefined) return;
    this.#outputs.push({ type: 'send', target: this.#place.server, bytes });
  }

  #count(what: 'unasked' | 'useless' | 'router-restarted'): void {
    this.#options.counters.add(`portmap-${this.protocol}-${what}`);
  }
}
