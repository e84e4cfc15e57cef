/**
 * The search for how long our NAT remembers an idle mapping (netcheck/lifetime-search.ts), among the engine's other
 * parts: which relay it uses, when it begins, and what was found on networks that we come back to.
 */

import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { RegionId, SocketId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, type IpAddress } from '../ip/address.js';
import { LifetimeSearch } from '../netcheck/lifetime-search.js';
import type { NetcheckReport } from '../netcheck/report.js';
import type { Random } from '../ports.js';
import type { EngineOutputs } from './outputs.js';

const lifetimeSocketId: SocketId = 198;
/** Networks remembered, by public address: home, work and a few more. */
export const maxRememberedLifetimes = 16;

export interface OwnLifetimeOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
}

export class OwnLifetime {
  readonly #outputs: EngineOutputs;
  readonly #search: LifetimeSearch;
  /** Oldest first. */
  readonly #remembered = new Map<IpAddress, number>();
  /** The public address of the network that is searched. */
  #address: IpAddress | undefined;

  constructor({ random, counters, outputs }: OwnLifetimeOptions) {
    this.#outputs = outputs;
    this.#search = new LifetimeSearch({ random, counters });
  }

  /** Of this network, as far as it is known by now. */
  get lifetimeMs(): number | undefined {
    const known = this.#address === undefined ? undefined : this.#remembered.get(this.#address);
    const found = this.#search.lifetimeMs;
    return known === undefined || (found !== undefined && found > known) ? found : known;
  }

  /** Begins, once the quick measurements are over and a relay that dials back was heard. */
  report(report: NetcheckReport, dialBackRegions: ReadonlySet<RegionId>): void {
    const heard = report.observations.filter(({ family }) => family === 4);
    const [first] = heard;
    if (first === undefined) return;
    const address = endpointAddress(first.mapped);
    if (this.#address !== undefined && this.#address !== address) this.#forget();
    this.#address = address;
    if (!this.#search.isIdle || this.#remembered.has(address)) return;
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
    this.#drain();
    return true;
  }

  told(answer: DialBackAnswer, now: Instant): boolean {
    const isOurs = this.#search.told(answer, now);
    if (isOurs) this.#drain();
    return isOurs;
  }

  run(now: Instant): void {
    this.#search.run(now);
    this.#drain();
  }

  nextTimeout(): Instant | undefined {
    return this.#search.nextTimeout();
  }

  /** What was found so far stays known for the next visit, when the search came to its end. */
  #forget(): void {
    const { lifetimeMs, isOver } = this.#search;
    if (this.#address !== undefined && lifetimeMs !== undefined && isOver) {
      this.#remembered.set(this.#address, lifetimeMs);
      const [oldest] = this.#remembered.keys();
      if (this.#remembered.size > maxRememberedLifetimes && oldest !== undefined) {
        this.#remembered.delete(oldest);
      }
    }
    this.#search.forget();
    this.#drain();
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
