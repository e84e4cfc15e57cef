/**
 * The search for how long our NAT remembers an idle mapping (netcheck/lifetime-search.ts), among the engine's other
 * parts: which relay it uses, when it begins, and what was found on networks that we come back to.
 */

import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId, SocketId } from '../engines/paths.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import { LifetimeSearch } from '../netcheck/lifetime-search.js';
import type { NetcheckReport } from '../netcheck/report.js';
import type { Random } from '../ports.js';
import { lifetimeValidMs, type NetworkMemory } from './network-memory.js';
import type { EngineOutputs } from './outputs.js';

const lifetimeSocketId: SocketId = 198;

export interface OwnLifetimeOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  readonly memory: NetworkMemory;
}

export class OwnLifetime {
  readonly #outputs: EngineOutputs;
  readonly #search: LifetimeSearch;
  readonly #memory: NetworkMemory;
  /** The public address of the network that is searched. */
  #address: IpAddress | undefined;
  #isNoted = false;

  constructor({ random, counters, outputs, memory }: OwnLifetimeOptions) {
    this.#outputs = outputs;
    this.#memory = memory;
    this.#search = new LifetimeSearch({ random, counters });
  }

  /** Of this network, as far as it is known by now. */
  get lifetimeMs(): number | undefined {
    const known = this.#memory.lifetime?.lifetimeMs;
    const found = this.#search.lifetimeMs;
    return known === undefined || (found !== undefined && found > known) ? found : known;
  }

  /** Begins, once the quick measurements are over and a relay that dials back was heard. */
  report(
    { observations }: NetcheckReport,
    dialBackRegions: ReadonlySet<RegionId>,
    now: Instant,
  ): void {
    const { address, lifetime } = this.#memory;
    if (address === undefined) return;
    if (this.#address !== undefined && this.#address !== address) this.#forget();
    this.#address = address;
    const isFresh = lifetime !== undefined && now - lifetime.measuredAt < lifetimeValidMs;
    if (!this.#search.isIdle || isFresh) return;
    const heard = observations.filter(({ family }) => family === 4);
    const relay = heard.find(({ regionId }) => dialBackRegions.has(regionId));
    if (relay === undefined) return;
    this.#search.start({ regionId: relay.regionId, server: relay.server });
    this.#drain();
  }

  relayClosed(regionId: RegionId): void {
    if (!this.#search.usesRelay(regionId)) return;
    this.#search.interrupted();
    this.#drain();
  }

  networkChanged(): void {
    this.#forget();
    this.#address = undefined;
  }

  /** True when the socket is the search's. */
  socketOpen(socketId: SocketId, now: Instant): boolean {
    if (socketId !== lifetimeSocketId) return false;
    this.#search.opened(now);
    this.#drain();
    return true;
  }

  socketFailed(socketId: SocketId): boolean {
    if (socketId !== lifetimeSocketId) return false;
    this.#search.interrupted();
    this.#drain();
    return true;
  }

  stun(socketId: SocketId, source: Endpoint, bytes: Uint8Array, now: Instant): boolean {
    if (socketId !== lifetimeSocketId) return false;
    this.#search.datagram(source, bytes, now);
    this.#step(now);
    return true;
  }

  told(answer: DialBackAnswer, now: Instant): boolean {
    const isOurs = this.#search.told(answer, now);
    if (isOurs) this.#step(now);
    return isOurs;
  }

  run(now: Instant): void {
    this.#search.run(now);
    this.#step(now);
  }

  nextTimeout(): Instant | undefined {
    return this.#search.nextTimeout();
  }

  #forget(): void {
    this.#search.forget();
    this.#isNoted = false;
    this.#drain();
  }

  /** What was found is noted once, when the search has come to its end, for this and later visits. */
  #step(now: Instant): void {
    this.#drain();
    const { lifetimeMs, isOver } = this.#search;
    if (this.#isNoted || !isOver || lifetimeMs === undefined) return;
    if (this.#address !== this.#memory.address) return;
    this.#isNoted = true;
    this.#memory.noteLifetime(lifetimeMs, now);
  }

  #drain(): void {
    const socketId = lifetimeSocketId;
    for (let out = this.#search.poll(); out !== undefined; out = this.#search.poll()) {
      if (out.type === 'ask') {
        const { regionId, token, port } = out;
        this.#outputs.push({ type: 'relay-dial-back', regionId, token, port });
      } else if (out.type === 'open-socket') {
        this.#outputs.down({ type: 'open-socket', socketId, family: 4, port: 0 });
      } else if (out.type === 'close-socket') {
        this.#outputs.down({ type: 'close-socket', socketId });
      } else {
        this.#outputs.down({ type: 'send', socketId, remote: out.remote, bytes: out.bytes });
      }
    }
  }
}
