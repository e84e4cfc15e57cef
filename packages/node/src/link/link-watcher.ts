/**
 * Notices when the machine's network changes: an address, a link or the default route.
 *
 * `ip monitor` says that something happened; what changed is decided by comparing snapshots, so that
 * noise (counters, our own tunnel, a lease renewed) stays quiet. A slow poll covers systems without
 * `ip monitor` and events that were lost.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import type { IpAddress } from '@warren/core/ip/address';
import { usableAddresses } from './local-addresses.js';

/** A change comes as a burst of events (address, routes, neighbour): judge it when it is over. */
const SETTLE_MS = 150;
/** Without the monitor a change is noticed within this time. */
const POLL_MS = 10_000;
/** A monitor that ends (module unloaded, killed) is started again after this time. */
const RESTART_MS = 5_000;
const ROUTE_TIMEOUT_MS = 2_000;

export interface LinkState {
  readonly addresses: readonly IpAddress[];
  /** Text of the default routes; only compared. */
  readonly defaultRoute: string;
}

export class LinkWatcher {
  readonly #tunName: string;
  readonly #onChange: (state: LinkState) => void;
  #state: LinkState = { addresses: [], defaultRoute: '' };
  #monitor: ChildProcess | undefined;
  #settle: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(tunName: string, onChange: (state: LinkState) => void) {
    this.#tunName = tunName;
    this.#onChange = onChange;
  }

  /** Takes the first snapshot and starts watching; `onChange` is only called for later changes. */
  async start(): Promise<LinkState> {
    this.#state = await this.#snapshot();
    this.#startMonitor();
    this.#poll = setInterval(() => void this.#compare(), POLL_MS);
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
    child.on('error', () => {
      // No iproute2: the poll alone has to do.
    });
    child.stdout.on('data', () => {
      this.#settle ??= setTimeout(() => {
        this.#settle = undefined;
        void this.#compare();
      }, SETTLE_MS);
    });
    child.on('exit', () => {
      if (!this.#closed) this.#restart = setTimeout(() => this.#startMonitor(), RESTART_MS);
    });
  }

  async #compare(): Promise<void> {
    const next = await this.#snapshot();
    if (this.#closed || JSON.stringify(next) === JSON.stringify(this.#state)) return;
    this.#state = next;
    this.#onChange(next);
  }

  async #snapshot(): Promise<LinkState> {
    return {
      addresses: usableAddresses(networkInterfaces(), this.#tunName),
      defaultRoute: await defaultRoutes(),
    };
  }
}

function defaultRoutes(): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      'ip',
      ['-o', 'route', 'show', 'default'],
      { timeout: ROUTE_TIMEOUT_MS },
      (error, stdout) => resolve(error === null ? stdout.trim() : ''),
    );
  });
}
