/**
 * Notices when the machine's network changes: an address, a link or a default route.
 *
 * `ip monitor` says that something happened; what changed is decided by comparing snapshots, so that
 * noise (counters, our own tunnel, a lease renewed) stays quiet. A slow poll covers systems without
 * `ip monitor` and events that were lost. One look at a time: a slow answer must not overtake a newer one.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import type { IpAddress } from '@warren/core/ip/address';
import type { Logger } from '@warren/shell/log';
import { stableRoutes } from './default-routes.js';
import { usableAddresses } from './local-addresses.js';

/** A change comes as a burst of events (address, routes, neighbour): judge it when it is over. */
const SETTLE_MS = 150;
/** A machine whose network never rests (many containers) is looked at this often, not with every event. */
const LOOK_PAUSE_MS = 1_000;
/** Without the monitor a change is noticed within this time. */
const POLL_MS = 10_000;
/** A monitor that ends (module unloaded, killed) is started again after this time. */
const RESTART_MS = 5_000;
const ROUTE_TIMEOUT_MS = 2_000;

export interface LinkState {
  readonly addresses: readonly IpAddress[];
  /** Text of the default routes of both families; only compared. */
  readonly defaultRoute: string;
}

export interface LinkWatcherOptions {
  readonly tunName: string;
  readonly log: Logger;
  /** Called for every change after the first snapshot. */
  readonly onChange: (state: LinkState) => void;
  /** Called with every look, changed or not: interfaces that no state shows may be others. */
  readonly onEvent: () => void;
}

export class LinkWatcher {
  readonly #options: LinkWatcherOptions;
  #state: LinkState = { addresses: [], defaultRoute: '' };
  #monitor: ChildProcess | undefined;
  #settle: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking = false;
  #closed = false;

  constructor(options: LinkWatcherOptions) {
    this.#options = options;
  }

  /** Takes the first snapshot and starts watching. */
  async start(): Promise<LinkState> {
    this.#state = await this.#snapshot();
    this.#startMonitor();
    this.#poll = setInterval(() => this.#lookSoon(), POLL_MS);
    return this.#state;
  }

  close(): void {
    this.#closed = true;
    this.#monitor?.kill('SIGKILL');
    clearTimeout(this.#settle);
    clearTimeout(this.#restart);
    clearInterval(this.#poll);
  }

  #startMonitor(): void {
    if (this.#closed) return;
    const child = spawn('ip', ['-o', 'monitor', 'link', 'address', 'route'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#monitor = child;
    let hasEnded = false;
    const ended = (error?: NodeJS.ErrnoException): void => {
      // Without iproute2 the poll alone has to do.
      if (this.#closed || hasEnded || error?.code === 'ENOENT') return;
      hasEnded = true;
      this.#restart = setTimeout(() => this.#startMonitor(), RESTART_MS);
    };
    child.on('error', ended);
    child.on('exit', () => ended());
    // A process that could not be started for lack of descriptors has no output, whatever the types say.
    const output = child.stdout as typeof child.stdout | undefined;
    output?.on('data', () => this.#lookSoon());
  }

  #lookSoon(): void {
    if (this.#closed || this.#settle !== undefined) return;
    const pauseMs = this.#lookedAtMs + LOOK_PAUSE_MS - performance.now();
    this.#settle = setTimeout(
      () => {
        this.#settle = undefined;
        void this.#look();
      },
      Math.max(SETTLE_MS, pauseMs),
    );
  }

  async #look(): Promise<void> {
    if (this.#looking) {
      this.#lookSoon();
      return;
    }
    this.#looking = true;
    this.#lookedAtMs = performance.now();
    const next = await this.#snapshot();
    this.#looking = false;
    if (this.#closed) return;
    this.#options.onEvent();
    if (JSON.stringify(next) === JSON.stringify(this.#state)) return;
    this.#state = next;
    this.#options.onChange(next);
  }

  /** What can't be found out now stays as it was: a machine in trouble is no change of network. */
  async #snapshot(): Promise<LinkState> {
    const [v4, v6] = await Promise.all([defaultRoutes('-4'), defaultRoutes('-6')]);
    const isKnown = v4 !== undefined && v6 !== undefined;
    return {
      addresses: this.#addresses(),
      defaultRoute: isKnown ? stableRoutes(`${v4}\n${v6}`) : this.#state.defaultRoute,
    };
  }

  #addresses(): readonly IpAddress[] {
    try {
      return usableAddresses(networkInterfaces(), this.#options.tunName);
    } catch (error) {
      this.#options.log.warn('the interfaces could not be read', { error });
      return this.#state.addresses;
    }
  }
}

/** Undefined: could not be found out. */
function defaultRoutes(family: '-4' | '-6'): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      'ip',
      [family, '-o', 'route', 'show', 'default'],
      { timeout: ROUTE_TIMEOUT_MS },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    );
  });
}
