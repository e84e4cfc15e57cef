/**
 * UPnP IGD as a mapping method (method.ts): finds the gateways of the LAN, maps one port at the best of them, looks
 * after it and deletes it.
 *
 *     begin, probe --> searching (upnp-search.ts) --> describing each device (upnp-devices.ts) --> `found` | `failed`
 *     map --> `granted` | `failed`; then looked after (upnp-keeper.ts)
 *     release --> an answer that is under way is waited for, then everything is deleted --> `released`
 */
import { assert } from '../base/assert.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { endpoint } from '../ip/address.js';
import type { ControlPoint } from './device-description.js';
import type { RememberedMapping } from './io.js';
import {
  type MappingMethod,
  type MethodFacts,
  type MethodInput,
  type MethodOptions,
  type MethodOutput,
  maxForgetting,
  releaseMaxMs,
} from './method.js';
import { ScriptRunner } from './script-runner.js';
import { deletePortMapping } from './soap.js';
import { type SsdpAnswer, searches } from './ssdp.js';
import { describeDevice } from './upnp-devices.js';
import { forgetMapping, placeOf, rememberedOf, UpnpKeeper, urlOf } from './upnp-keeper.js';
import type { MadeMapping, Refusal } from './upnp-mapping.js';
import { callAction, type MappingPlace, type Script, type UpnpContext } from './upnp-script.js';
import { UpnpSearch } from './upnp-search.js';

/** A router without UPnP doesn't get it overnight, but somebody may switch it on. */
const noServiceRetryMs = 5 * 60_000;
/** It said no in so many words. */
const refusedRetryMs = 10 * 60_000;
/** Silence, a line that is down, ports taken: these pass. */
const troubleRetryMs = 60_000;
/** How long a release waits for the answer to a mapping that was just asked for. */
const releaseGraceMs = 500;

type MapInput = Extract<MethodInput, { readonly type: 'map' }>;
type HttpInput = Extract<MethodInput, { readonly type: 'http-answer' | 'http-failed' }>;

/** All that exists once the machine knows its network. */
interface Active {
  readonly context: UpnpContext;
  readonly search: UpnpSearch;
  readonly keeper: UpnpKeeper;
}

interface Releasing {
  readonly graceUntil: Instant;
  readonly until: Instant;
  isDeleting: boolean;
}

export class UpnpClient implements MappingMethod {
  readonly protocol = 'upnp';
  readonly #options: MethodOptions;
  readonly #runner: ScriptRunner;
  readonly #outputs: MethodOutput[] = [];
  #now = 0 as Instant;
  #active: Active | undefined;
  /** Answers whose description is to be asked for, and all that were. */
  #toDescribe: SsdpAnswer[] = [];
  #described = new Set<SsdpAnswer>();
  #isDescribing = false;
  #points: ControlPoint[] = [];
  #isFound = false;
  /** A `map` that waits for a service. */
  #wanted: MapInput | undefined;
  /** A script of the keeper is under way or waits for its turn. */
  #isTending = false;
  #forgetting = 0;
  #releasing: Releasing | undefined;
  #isReleased = false;

  constructor(options: MethodOptions) {
    this.#options = options;
    this.#runner = new ScriptRunner(options.newRequestId, (request) => {
      this.#outputs.push({ type: 'http', request });
    });
  }

  poll(): MethodOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    if (this.#isReleased) return undefined;
    if (this.#releasing !== undefined) {
      const { isDeleting, until, graceUntil } = this.#releasing;
      return isDeleting ? until : graceUntil;
    }
    const keeps = this.#isTending ? undefined : this.#active?.keeper.nextTimeout;
    return earliest(this.#active?.search.nextTimeout, this.#runner.nextTimeout, keeps);
  }

  get facts(): MethodFacts {
    const keeper = this.#active?.keeper;
    return {
      isLooking: this.#active?.search.isSearching === true || this.#isDescribing,
      address: keeper?.made?.external,
      epoch: undefined,
      devices: this.#points.map(urlOf),
      renewsAt: keeper?.renewsAt,
      expiresAt: keeper?.expiresAt,
    };
  }

  handle(input: MethodInput, now: Instant): void {
    if (this.#isReleased) return;
    this.#now = now;
    if (input.type === 'begin') {
      this.#begin(input);
      return;
    }
    assert(this.#active !== undefined, 'a mapping method begins first');
    if (this.#releasing === undefined) this.#handleActive(input, this.#active);
    else this.#handleReleasing(input, this.#releasing);
  }

  #begin({ gateway, self, internalPort }: Extract<MethodInput, { readonly type: 'begin' }>): void {
    assert(this.#active === undefined, 'a mapping method begins once');
    const { random, counters } = this.#options;
    const lan = { gateway, self };
    const context = { lan, internalPort, random, counters };
    const keeper = new UpnpKeeper(context, {
      now: () => this.#now,
      points: () => this.#points,
      granted: (made) => this.#grant(made, context),
      lost: (refusal) => this.#lose(refusal),
      searchAgain: () => this.#searchAgain(),
    });
    this.#active = { context, search: new UpnpSearch(lan, counters), keeper };
    this.#searchAgain();
  }

  #handleActive(
    input: Exclude<MethodInput, { readonly type: 'begin' }>,
    { context, search, keeper }: Active,
  ): void {
    switch (input.type) {
      case 'probe':
        this.#searchAgain();
        return;
      case 'map':
        this.#handleMap(input, search, keeper);
        return;
      case 'move':
        if (keeper.made !== undefined) this.#tend(() => keeper.move());
        return;
      case 'router-restarted':
        if (keeper.made !== undefined) this.#tend(() => keeper.renew());
        return;
      case 'forget':
        this.#forget(input.mapping, context);
        return;
      case 'datagram':
        if (search.handleDatagram(input.source, input.bytes, this.#now)) {
          if (!search.isSearching) this.#describe(search.answers);
        }
        return;
      case 'http-answer':
      case 'http-failed':
        this.#resume(input);
        return;
      case 'release':
        this.#release();
        return;
      case 'timeout':
        this.#handleTimeout(search, keeper);
        return;
    }
  }

  #resume(input: HttpInput): void {
    const { counters } = this.#options;
    const isAnswer = input.type === 'http-answer';
    const result = isAnswer
      ? { type: 'answer' as const, status: input.status, body: input.body }
      : { type: 'failed' as const };
    if (!isAnswer) counters.add('portmap-upnp-http-failed');
    if (!this.#runner.resume(input.id, result, this.#now)) counters.add('portmap-upnp-http-stray');
  }

  #handleTimeout(search: UpnpSearch, keeper: UpnpKeeper): void {
    this.#runner.handleTimeout(this.#now);
    this.#sendSearches();
    if (search.isDue(this.#now)) {
      search.settle();
      if (search.answers.length > 0) this.#describe(search.answers);
      else this.#failSearch('no router answered a search for UPnP');
    }
    const due = this.#isTending ? undefined : keeper.due(this.#now);
    if (due !== undefined) this.#tend(due);
  }

  #searchAgain(): void {
    this.#active?.search.start(this.#now);
    this.#isFound = false;
    this.#points = [];
    this.#toDescribe = [];
    this.#described = new Set();
    this.#sendSearches();
  }

  #sendSearches(): void {
    if (this.#active?.search.wantsToSend(this.#now) !== true) return;
    for (const { target, bytes } of searches(this.#active.context.lan.gateway)) {
      this.#outputs.push({ type: 'send', target, bytes });
    }
  }

  /** Devices that answered together are described in their order, late ones as they come. */
  #describe(answers: readonly SsdpAnswer[]): void {
    for (const answer of answers) {
      if (this.#described.has(answer)) continue;
      this.#described.add(answer);
      this.#toDescribe.push(answer);
    }
    if (this.#isDescribing || this.#toDescribe.length === 0) return;
    this.#isDescribing = true;
    this.#runner.add(() => this.#describeAll(), this.#now);
  }

  *#describeAll(): Script<void> {
    const context = this.#active?.context;
    let reason = '';
    for (;;) {
      const answer = this.#toDescribe.shift();
      if (answer === undefined || context === undefined) break;
      const described = yield* describeDevice(context, answer);
      // Not of this search any more: a person's probe began another.
      if (!this.#described.has(answer)) continue;
      this.#points.push(...described.points);
      if (described.points.length === 0) reason = described.reason;
      else this.#find();
    }
    this.#isDescribing = false;
    if (this.#points.length > 0) this.#mapWanted();
    else if (reason !== '') this.#failSearch(reason);
  }

  #find(): void {
    if (this.#isFound) return;
    this.#isFound = true;
    this.#outputs.push({ type: 'found' });
  }

  #failSearch(reason: string): void {
    // A mapping that stands is looked after by itself; a search that finds nothing doesn't end it.
    if (this.#isTending || this.#active?.keeper.made !== undefined) {
      this.#find();
      return;
    }
    this.#wanted = undefined;
    this.#outputs.push({ type: 'failed', reason, present: false, retryAfterMs: noServiceRetryMs });
  }

  #handleMap(input: MapInput, search: UpnpSearch, keeper: UpnpKeeper): void {
    if (keeper.made !== undefined || this.#isTending || this.#wanted !== undefined) return;
    this.#wanted = input;
    if (this.#isDescribing) return;
    if (this.#points.length > 0) this.#mapWanted();
    else if (!search.isSearching) this.#searchAgain();
  }

  #mapWanted(): void {
    if (this.#wanted === undefined || this.#active === undefined) return;
    const { externalPort, remembered } = this.#wanted;
    const { context, keeper } = this.#active;
    this.#wanted = undefined;
    const place = remembered === undefined ? undefined : placeOf(context, remembered);
    this.#tend(() => keeper.map({ externalPort, place }));
  }

  /** Runs a script of the keeper; one at a time, since each leaves the mapping in order. */
  #tend(begin: () => Script<void>): void {
    if (this.#isTending) return;
    this.#isTending = true;
    this.#runner.add(() => this.#tending(begin()), this.#now);
  }

  *#tending(script: Script<void>): Script<void> {
    yield* script;
    this.#isTending = false;
  }

  #grant(made: MadeMapping, context: UpnpContext): void {
    this.#outputs.push({
      type: 'granted',
      external: endpoint(made.external, made.externalPort),
      lifetimeMs: made.leaseSeconds === 0 ? Number.POSITIVE_INFINITY : made.leaseSeconds * 1000,
      remember: rememberedOf(context, made),
    });
  }

  #lose({ reason, code }: Refusal): void {
    // Who fell silent may be somewhere else by now: the next attempt searches first.
    if (code === 'silent') this.#points = [];
    const passes = typeof code === 'string' || [718, 728, 729].includes(code);
    const retryAfterMs = passes ? troubleRetryMs : refusedRetryMs;
    this.#outputs.push({ type: 'failed', reason, present: true, retryAfterMs });
  }

  #forget(mapping: RememberedMapping, context: UpnpContext): void {
    if (this.#forgetting >= maxForgetting) {
      this.#outputs.push({ type: 'forgotten', mapping });
      return;
    }
    this.#forgetting += 1;
    this.#runner.add(() => this.#forgetOne(mapping, context), this.#now);
  }

  *#forgetOne(mapping: RememberedMapping, context: UpnpContext): Script<void> {
    yield* forgetMapping(context, mapping);
    this.#forgetting -= 1;
    this.#outputs.push({ type: 'forgotten', mapping });
  }

  #release(): void {
    const graceUntil = after(this.#now, releaseGraceMs);
    this.#releasing = { graceUntil, until: after(this.#now, releaseMaxMs), isDeleting: false };
    this.#deleteAll(this.#releasing);
  }

  #handleReleasing(input: MethodInput, releasing: Releasing): void {
    if (input.type === 'http-answer' || input.type === 'http-failed') this.#resume(input);
    else if (input.type !== 'timeout') return;
    this.#deleteAll(releasing);
    if (this.#now >= releasing.until) this.#end(true);
  }

  /** Deletes what stands, once nothing is under way that would stand afterwards. */
  #deleteAll(releasing: Releasing): void {
    const { request } = this.#runner;
    const waits = request?.adds === true && this.#now < releasing.graceUntil;
    if (releasing.isDeleting || waits || this.#active === undefined) return;
    const { context, keeper } = this.#active;
    releasing.isDeleting = true;
    const places = [keeper.made, request?.stands].filter((place) => place !== undefined);
    this.#runner.drop();
    // Whatever the scripts wanted to say before they were dropped, nobody waits for it.
    this.#outputs.length = 0;
    this.#runner.add(() => this.#deleting(places, context), this.#now);
  }

  *#deleting(places: readonly MappingPlace[], context: UpnpContext): Script<void> {
    const ports = new Set<number>();
    let unanswered = false;
    for (const { point, externalPort } of places) {
      if (ports.has(externalPort)) continue;
      ports.add(externalPort);
      const answer = yield* callAction(context, point, deletePortMapping(externalPort));
      const isGone = answer.type === 'values' || (answer.type === 'fault' && answer.code === 714);
      unanswered ||= !isGone;
    }
    this.#end(unanswered);
  }

  /** `unanswered`: something of ours may still be at the router. */
  #end(unanswered: boolean): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#runner.drop();
    this.#outputs.push({ type: 'released', unanswered });
  }
}
