/**
 * The protocols' race for a mapping at one router, for one of our sockets (method.ts has each protocol's part).
 *
 *     all look for their service --found--> the best that answered is told to map; the others stay ready
 *     refused, silent, run out ----------> the next one maps at once, the loser tries again after its pause
 *     strangers don't get through -------> moved to another port once; then a pause of ten minutes for all
 *
 * PCP is preferred to NAT-PMP and that to UPnP, but only among those that answer within a moment of each other, and
 * only while nothing is mapped: another external port costs every peer a path, so what works is kept. Nothing is
 * ever mapped twice. What an earlier run mapped is preferred to all, since peers may know it still.
 */
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { type Endpoint, endpointAddress, type IpAddress } from '../ip/address.js';
import type { HttpRequest, PortMapProtocol, PortMapping, RememberedMapping } from './io.js';
import type { MethodReport } from './mapper-report.js';
import type { MappingMemory } from './mapping-memory.js';
import type { MappingMethod, MethodInput, MethodOutput } from './method.js';
import { addressOf, mappingOf, type Runner, rankOf, reportOf, runnersOf } from './race-runner.js';

/** A better protocol that takes this much longer to answer is worth the wait. */
const graceMs = 100;
/**
 * UPnP begins this much later: some routers' one server is busy for a second with a search's dozens of answers, and
 * PCP, which would have mapped long before, waits behind it.
 */
const upnpDelayMs = 250;
/** Where nothing answers: the first new look, doubled each time up to the last. */
const firstRetryMs = 60_000;
const lastRetryMs = 30 * 60_000;
/** Mapped twice, listed by the router, and dead: its firewall or its provider won't change soon. */
export const deadPauseMs = 10 * 60_000;
const DEAD_WORDS = 'mapping listed but dead: nothing arrives through it';

export interface RaceOptions {
  readonly gateway: IpAddress;
  readonly self: IpAddress;
  readonly internalPort: number;
  /** In any order. */
  readonly methods: readonly MappingMethod[];
  /** Only looks which services there are. */
  readonly probeOnly: boolean;
  readonly counters: Counters;
  readonly memory: MappingMemory;
  readonly send: (target: Endpoint, bytes: Uint8Array) => void;
  readonly http: (request: HttpRequest, race: MappingRace) => void;
}

export class MappingRace {
  readonly #options: RaceOptions;
  readonly #runners: readonly Runner[];
  #graceUntil: Instant | undefined;
  /** When UPnP begins; undefined: it has, or isn't used. */
  #upnpAt: Instant | undefined;
  /** The mapping in use was made anew because it was dead. */
  #moved = false;
  #pausedUntil: Instant | undefined;
  #ending = false;

  constructor(options: RaceOptions, now: Instant) {
    this.#options = options;
    this.#runners = runnersOf(options.methods);
    this.#graceUntil = after(now, graceMs);
    const isAlone = this.#runners.length === 1;
    for (const runner of this.#runners) {
      if (runner.method.protocol === 'upnp' && !isAlone) this.#upnpAt = after(now, upnpDelayMs);
      else this.#begin(runner, now);
    }
  }

  get gateway(): IpAddress {
    return this.#options.gateway;
  }

  get internalPort(): number {
    return this.#options.internalPort;
  }

  /** Everything was given back. */
  get hasEnded(): boolean {
    return this.#ending && this.#runners.every(({ state }) => state === 'released');
  }

  /** The mapping in use; none while it is being moved or known to be dead. */
  get mapping(): PortMapping | undefined {
    const runner = this.#mapped;
    const mapping = runner === undefined ? undefined : mappingOf(runner);
    if (this.#ending || runner === undefined || mapping === undefined) return undefined;
    const { internalPort } = this.#options;
    return { protocol: runner.method.protocol, internalPort, ...mapping };
  }

  /** The router's external address, as it told last; it stays known when a mapping is given up. */
  get routerAddress(): IpAddress | undefined {
    const inUse = this.#mapped === undefined ? [] : [this.#mapped];
    return [...inUse, ...this.#runners].map(addressOf).find((address) => address !== undefined);
  }

  /** An answer to a search or question is awaited. */
  get isLooking(): boolean {
    return this.#upnpAt !== undefined || this.#runners.some(({ method }) => method.facts.isLooking);
  }

  /** The best first. */
  report(): readonly MethodReport[] {
    return this.#runners.map((runner) => reportOf(runner, this.#pausedUntil));
  }

  get #mapped(): Runner | undefined {
    return this.#runners.find(({ state }) => state === 'mapped');
  }

  service(protocol: PortMapProtocol): { present: boolean | undefined; error: string | undefined } {
    const { present, error } = this.#runners.find(({ method }) => method.protocol === protocol) ?? {
      present: undefined,
      error: undefined,
    };
    return { present, error };
  }

  /** For one protocol, or for all. */
  handle(protocol: PortMapProtocol | undefined, input: MethodInput, now: Instant): void {
    for (const runner of this.#runners) {
      if (protocol === undefined || runner.method.protocol === protocol) {
        this.#drive(runner, input, now);
      }
    }
    this.#choose(now);
  }

  /** A dial-back's word on `external`; true when it is our mapping. */
  verified(external: Endpoint, works: boolean, now: Instant): boolean {
    const runner = this.#runners.find((one) => one.granted?.external === external);
    if (runner?.state !== 'mapped') return false;
    if (works) {
      this.#moved = false;
      runner.error = undefined;
      return true;
    }
    this.#options.counters.add('portmap-dead');
    runner.error = DEAD_WORDS;
    if (this.#moved) {
      this.#pausedUntil = after(now, deadPauseMs);
      runner.state = 'failed';
      return true;
    }
    this.#moved = true;
    runner.state = 'asking';
    this.#drive(runner, { type: 'move' }, now);
    return true;
  }

  end(now: Instant): void {
    if (this.#ending) return;
    this.#ending = true;
    for (const runner of this.#runners) this.#drive(runner, { type: 'release' }, now);
  }

  runTimers(now: Instant): void {
    if (!this.#ending && this.#upnpAt !== undefined && now >= this.#upnpAt) {
      this.#upnpAt = undefined;
      for (const runner of this.#runners) {
        if (runner.method.protocol === 'upnp') this.#begin(runner, now);
      }
    }
    for (const runner of this.#runners) this.#drive(runner, { type: 'timeout' }, now);
    if (this.#pausedUntil !== undefined && now >= this.#pausedUntil) this.#resume(now);
    if (this.#ending) return;
    for (const runner of this.#runners) {
      if (runner.retryAt === undefined || now < runner.retryAt) continue;
      runner.retryAt = undefined;
      // What is there may map again; what was silent is looked for, unless something else has mapped.
      if (runner.present === true) runner.state = 'found';
      else if (this.mapping === undefined) this.#drive(runner, { type: 'probe' }, now);
    }
    this.#choose(now);
  }

  nextTimeout(): Instant | undefined {
    const own = this.#ending ? [] : [this.#graceUntil, this.#pausedUntil, this.#upnpAt];
    const retries = this.#ending ? [] : this.#runners.map(({ retryAt }) => retryAt);
    return earliest(...own, ...retries, ...this.#runners.map(({ method }) => method.nextTimeout()));
  }

  /** Ten minutes have passed since the mapping was found dead: it is still there, or made again. */
  #resume(now: Instant): void {
    this.#pausedUntil = undefined;
    this.#moved = false;
    for (const runner of this.#runners) {
      if (runner.state !== 'failed' || runner.granted === undefined) continue;
      runner.state = 'asking';
      this.#drive(runner, { type: 'move' }, now);
    }
  }

  /** Tells the best protocol that answers to map, if nothing is mapped or asked for. */
  #choose(now: Instant): void {
    if (this.#graceUntil !== undefined && now >= this.#graceUntil) this.#graceUntil = undefined;
    if (this.#ending || this.#options.probeOnly || this.#pausedUntil !== undefined) return;
    if (this.#runners.some(({ state }) => state === 'mapped' || state === 'asking')) return;
    const isWaiting = ({ state }: Runner): boolean =>
      state === 'found' || (state === 'looking' && this.#graceUntil !== undefined);
    const remembered = new Map(this.#remembered().map((mapping) => [mapping.protocol, mapping]));
    const [best] = this.#runners
      .filter(isWaiting)
      .sort((a, b) => rankOf(a, remembered) - rankOf(b, remembered));
    if (best?.state !== 'found') return;
    best.state = 'asking';
    const { internalPort } = this.#options;
    const mapping = remembered.get(best.method.protocol);
    this.#drive(best, { type: 'map', externalPort: internalPort, remembered: mapping }, now);
  }

  /** Earlier mappings of this very socket at this router. */
  #remembered(): readonly RememberedMapping[] {
    const { memory, gateway, self, internalPort } = this.#options;
    return memory.all.filter(
      (mapping) =>
        mapping.gateway === gateway &&
        mapping.self === self &&
        mapping.internalPort === internalPort,
    );
  }

  #begin(runner: Runner, now: Instant): void {
    const { gateway, self, internalPort } = this.#options;
    this.#drive(runner, { type: 'begin', gateway, self, internalPort }, now);
  }

  #drive(runner: Runner, input: MethodInput, now: Instant): void {
    if (runner.method.protocol === 'upnp' && this.#upnpAt !== undefined) {
      // It hasn't begun, and has nothing to give back.
      if (input.type === 'release') runner.state = 'released';
      return;
    }
    runner.method.handle(input, now);
    for (let out = runner.method.poll(); out !== undefined; out = runner.method.poll()) {
      this.#output(runner, out, now);
    }
  }

  #output(runner: Runner, out: MethodOutput, now: Instant): void {
    switch (out.type) {
      case 'send':
        this.#options.send(out.target, out.bytes);
        break;
      case 'http':
        this.#options.http(out.request, this);
        break;
      case 'found':
        runner.present = true;
        runner.error = undefined;
        // A dead mapping in its pause still stands: it is moved afterwards, not asked for.
        if (runner.state === 'looking' || (runner.state === 'failed' && !runner.granted)) {
          runner.state = 'found';
        }
        runner.retryAt = undefined;
        this.#forgetLeftovers(runner, now);
        this.#choose(now);
        break;
      case 'granted':
        this.#granted(runner, out, now);
        break;
      case 'failed':
        this.#failed(runner, out, now);
        break;
      case 'router-restarted':
        for (const other of this.#runners) {
          if (other !== runner) this.#drive(other, { type: 'router-restarted' }, now);
        }
        break;
      case 'forgotten':
        this.#options.memory.drop(out.mapping);
        break;
      case 'released':
        // What may still be there is taken up, or deleted, when we meet this router again.
        if (runner.granted !== undefined && out.unanswered !== true) {
          this.#options.memory.drop(runner.granted.remember);
        }
        runner.state = 'released';
        runner.granted = undefined;
        break;
    }
  }

  #granted(
    runner: Runner,
    out: Extract<MethodOutput, { readonly type: 'granted' }>,
    now: Instant,
  ): void {
    this.#options.memory.keep(out.remember);
    runner.granted = out;
    runner.told = endpointAddress(out.external);
    runner.present = true;
    runner.failures = 0;
    runner.retryAt = undefined;
    // A dead mapping that is renewed in its pause stays dead.
    if (this.#pausedUntil !== undefined && runner.state === 'failed') return;
    if (!this.#moved) runner.error = undefined;
    runner.state = 'mapped';
    for (const other of this.#runners) this.#forgetLeftovers(other, now);
  }

  #failed(
    runner: Runner,
    out: Extract<MethodOutput, { readonly type: 'failed' }>,
    now: Instant,
  ): void {
    runner.state = 'failed';
    runner.granted = undefined;
    runner.present = out.present;
    runner.error = out.reason;
    const backOffMs = Math.min(firstRetryMs * 2 ** runner.failures, lastRetryMs);
    runner.failures += 1;
    runner.retryAt = after(now, Math.max(out.retryAfterMs, backOffMs));
    this.#choose(now);
  }

  /** Deletes what earlier runs left at this router: of other ports at once, of this one when something else maps. */
  #forgetLeftovers(runner: Runner, now: Instant): void {
    const { memory, gateway, self } = this.#options;
    const { protocol } = runner.method;
    if (runner.present !== true || this.#ending || this.#options.probeOnly) return;
    const { mapping } = this;
    const own = new Set(this.#remembered());
    for (const leftover of memory.all) {
      const isHere = leftover.gateway === gateway && leftover.protocol === protocol;
      if (!isHere || leftover.self !== self || runner.granted?.remember === leftover) continue;
      // The next run may take up ours; only one that another protocol has replaced is in the way.
      const isReplaced = mapping !== undefined && mapping.protocol !== protocol;
      if (own.has(leftover) && !isReplaced) continue;
      // The same place, asked for over two protocols: to delete one would be to delete both.
      if (mapping?.external === leftover.external) memory.drop(leftover);
      else this.#drive(runner, { type: 'forget', mapping: leftover }, now);
    }
  }
}
