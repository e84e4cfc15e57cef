/** Deletes mappings of earlier runs at a server on the gateway's port 5351, a few at a time. */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { IpAddress } from '../ip/address.js';
import type { Dialect } from './dialect.js';
import { Exchanges } from './exchanges.js';
import type { RememberedMapping } from './io.js';
import { maxForgetting } from './method.js';

/** A server that answers does so within a second; the rest of a leftover's life is its own. */
const waitsMs = [250, 350, 500];

export interface LeftoversOptions {
  readonly dialect: Dialect;
  readonly counters: Counters;
  readonly send: (bytes: Uint8Array) => void;
  /** Deleted, or nobody can. */
  readonly onForgotten: (mapping: RememberedMapping) => void;
}

export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #exchanges: Exchanges;
  readonly #mappings = new Map<string, RememberedMapping>();

  constructor(options: LeftoversOptions) {
    this.#options = options;
    this.#exchanges = new Exchanges(options.send, (key) => void this.end(key));
  }

  /** `kept`: the mapping in use, which is no leftover. */
  forget(
    self: IpAddress,
    mapping: RememberedMapping,
    kept: string | undefined,
    now: Instant,
  ): void {
    const { dialect, counters, onForgotten } = this.#options;
    const ticket = dialect.rememberedTicket(mapping);
    const key = ticket === undefined ? undefined : dialect.keyOf(ticket);
    const isFull = this.#mappings.size >= maxForgetting;
    if (isFull) counters.add(`portmap-${dialect.protocol}-too-many-leftovers`);
    if (ticket === undefined || key === undefined || key === kept || isFull) {
      onForgotten(mapping);
      return;
    }
    this.#mappings.set(key, mapping);
    this.#exchanges.start(key, dialect.deletion(self, ticket), waitsMs, now);
  }

  /** The server's word on a deletion; undefined: on any of them. False: none was under way. */
  end(key: string | undefined): boolean {
    const ended = key === undefined ? [...this.#mappings.keys()] : [key];
    const mappings = ended.flatMap((one) => this.#mappings.get(one) ?? []);
    for (const one of ended) {
      this.#exchanges.end(one);
      this.#mappings.delete(one);
    }
    for (const mapping of mappings) this.#options.onForgotten(mapping);
    return mappings.length > 0;
  }

  clear(): void {
    this.#exchanges.clear();
    this.#mappings.clear();
  }

  runTimers(now: Instant): void {
    this.#exchanges.runTimers(now);
  }

  nextTimeout(): Instant | undefined {
    return this.#exchanges.nextTimeout();
  }
}
