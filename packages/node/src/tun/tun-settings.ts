/**
 * Keeps the device as it should be: addresses and routes while the node is up, nothing while it is down.
 *
 *     want(a) --> applying --done--> settled
 *                    |   \--want(b) meanwhile--> applying b, when a is through
 *                    \--failed--> failing, again every 10 s until it works or something else is wanted
 *     settled --somebody took the addresses away--> applying
 *
 * One change at a time: an `up` that overtakes a `down` would leave the device down.
 */
import { networkInterfaces } from 'node:os';
import { type Prefix, prefixAddress } from '@warren/core/ip/prefix';
import type { Logger } from '@warren/shell/log';
import type { TunConfigured } from './configure-linux.js';

/** Another VPN that goes away, or a tool that is installed, is noticed within this time. */
const RETRY_MS = 10_000;
/** A program that takes the addresses away again and again is not fought more often than this. */
const REPAIR_PAUSE_MS = 10_000;

/** Nothing wanted: the device is down. */
const DOWN: readonly Prefix[] = [];

export interface TunSettingsOptions {
  readonly name: string;
  readonly log: Logger;
  /** Brings the device up with these addresses, or down when there are none. */
  readonly apply: (name: string, addresses: readonly Prefix[]) => Promise<TunConfigured>;
  /** What is wrong with the device now; undefined: nothing. */
  readonly onTrouble: (error: Error | undefined) => void;
}

export class TunSettings {
  readonly #options: TunSettingsOptions;
  #wanted = DOWN;
  #applied: readonly Prefix[] | undefined = DOWN;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #retry: NodeJS.Timeout | undefined;
  #repairedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: TunSettingsOptions) {
    this.#options = options;
  }

  /** Asks for exactly these addresses; none: the device goes down. */
  want(addresses: readonly Prefix[]): void {
    if (addresses.join() === this.#wanted.join()) return;
    this.#wanted = addresses;
    this.#start();
  }

  /** Resolves when the device is as wanted, after one more try if the last one failed; rejects with why it is not. */
  async settled(): Promise<void> {
    if (this.#failure !== undefined) this.#start();
    while (this.#running !== undefined) await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Something about the machine's interfaces changed: is the device still as wanted? */
  check(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): void {
    if (this.#applied !== this.#wanted || this.#wanted.length === 0) return;
    const present = interfaces[this.#options.name] ?? [];
    const isThere = (wanted: Prefix): boolean =>
      present.some(({ address }) => address === prefixAddress(wanted));
    // One is enough: a machine without IPv6 never has the other.
    if (this.#wanted.some(isThere)) return;
    if (performance.now() - this.#repairedAtMs < REPAIR_PAUSE_MS) return;
    this.#repairedAtMs = performance.now();
    this.#options.log.warn('the tunnel lost its addresses; they are set again');
    this.#applied = undefined;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  #start(): void {
    clearTimeout(this.#retry);
    if (this.#closed || this.#running !== undefined) return;
    this.#running = this.#applyAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #applyAll(): Promise<void> {
    const { name, log, apply, onTrouble } = this.#options;
    while (this.#applied !== this.#wanted && !this.#closed) {
      const wanted = this.#wanted;
      try {
        const { withoutIpv6 } = await apply(name, wanted);
        if (withoutIpv6 !== undefined) log.warn('no IPv6 inside the tunnel', { withoutIpv6 });
        this.#applied = wanted;
        this.#failure = undefined;
      } catch (error) {
        this.#applied = undefined;
        this.#failure = error instanceof Error ? error : new Error(String(error));
        log.error('the tunnel could not be configured', { error: this.#failure });
        if (this.#wanted === wanted) break;
      }
    }
    onTrouble(this.#failure);
    if (this.#failure !== undefined) this.#retry = setTimeout(() => this.#start(), RETRY_MS);
  }
}
