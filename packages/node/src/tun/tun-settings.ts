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
import type { OverlayPolicy } from './overlay-policy.js';

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
  readonly apply: (
    name: string,
    addresses: readonly Prefix[],
    isShared: boolean,
  ) => Promise<TunConfigured>;
  /** Makes a policy stand on a device that is up, or none. */
  readonly applyPolicy: (policy: OverlayPolicy | undefined) => Promise<void>;
  /** Why a policy that is wanted can't be had; undefined: it can. */
  readonly onPolicyTrouble: (error: Error | undefined) => void;
  /** What is wrong with the device now; undefined: nothing. */
  readonly onTrouble: (error: Error | undefined) => void;
}

export class TunSettings {
  readonly #options: TunSettingsOptions;
  #wanted = DOWN;
  #applied: readonly Prefix[] | undefined = DOWN;
  #policy: OverlayPolicy | undefined;
  /** As text; undefined: whatever an earlier process left. */
  #appliedPolicy: string | undefined;
  /** The policy that could not be had, as text; another one is tried. */
  #refusedPolicy: string | undefined;
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

  /** For a machine whose own network lies in the overlay's range; undefined: it does not. */
  setPolicy(policy: OverlayPolicy | undefined): void {
    if (textOf(policy) === textOf(this.#policy)) return;
    this.#policy = policy;
    if (policy === undefined && this.#refusedPolicy !== undefined) {
      this.#refusedPolicy = undefined;
      this.#options.onPolicyTrouble(undefined);
    }
    this.#start();
  }

  /** Takes away what an earlier process left. */
  start(): void {
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

  /** Ends it; rules, which outlive the device, are taken back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#running;
    if (this.#appliedPolicy === undefined || this.#appliedPolicy === NO_POLICY) return;
    await this.#options.applyPolicy(undefined).catch(() => undefined);
  }

  #start(): void {
    clearTimeout(this.#retry);
    if (this.#closed || this.#running !== undefined) return;
    this.#running = this.#applyAll().finally(() => {
      this.#running = undefined;
      // Something may have been asked for between the last look and now.
      if (this.#failure === undefined && !this.#isSettled()) this.#start();
    });
  }

  async #applyAll(): Promise<void> {
    const { log, onTrouble } = this.#options;
    while (!this.#isSettled() && !this.#closed) {
      const wanted = this.#wanted;
      try {
        await this.#applyOnce(wanted);
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

  /** What is to stand beside the device: nothing when it is down, or when it can't be had. */
  #wantedPolicy(): OverlayPolicy | undefined {
    const isRefused = textOf(this.#policy) === this.#refusedPolicy;
    return this.#wanted.length === 0 || isRefused ? undefined : this.#policy;
  }

  #isSettled(): boolean {
    return this.#applied === this.#wanted && this.#appliedPolicy === textOf(this.#wantedPolicy());
  }

  async #applyOnce(wanted: readonly Prefix[]): Promise<void> {
    const { name, log, apply, applyPolicy, onPolicyTrouble } = this.#options;
    const policy = this.#wantedPolicy();
    const wasShared = this.#appliedPolicy !== undefined && this.#appliedPolicy !== NO_POLICY;
    const isShared = policy !== undefined;
    // Setting the addresses anew interrupts what flows: a policy of other peers alone does not.
    if (this.#applied !== wanted || wasShared !== isShared) {
      const { withoutIpv6 } = await apply(name, wanted, isShared);
      if (withoutIpv6 !== undefined) log.warn('no IPv6 inside the tunnel', { withoutIpv6 });
      this.#applied = wanted;
    }
    try {
      await applyPolicy(policy);
      this.#appliedPolicy = textOf(policy);
      if (isShared) this.#refusedPolicy = undefined;
      if (isShared || this.#policy === undefined) onPolicyTrouble(undefined);
    } catch (error) {
      const trouble = error instanceof Error ? error : new Error(String(error));
      log.warn('no rules for a network inside the range of the mesh', { error: trouble });
      // Without rules the whole range goes into the tunnel, as everywhere else.
      this.#refusedPolicy = textOf(policy);
      this.#appliedPolicy = NO_POLICY;
      if (isShared) this.#applied = undefined;
      onPolicyTrouble(trouble);
    }
  }
}

const NO_POLICY = 'none';

function textOf(policy: OverlayPolicy | undefined): string {
  return policy === undefined ? NO_POLICY : JSON.stringify(policy);
}
