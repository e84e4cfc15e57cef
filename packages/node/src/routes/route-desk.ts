/**
 * Keeps the kernel as the routes want it: tables and rules, the table of nftables, switches. One change at a time;
 * what failed is tried again.
 *
 *     want(a) --> applying --done--> settled --somebody took routes away--> applying
 *                    \--failed--> again every 10 s
 */
import type { Logger } from '@warren/shell/log';
import { KernelSwitches, type SwitchWish } from './forwarding.js';
import { KernelRoutes } from './kernel-routes.js';
import { runNft, type TableWish, tableText } from './nft-table.js';
import { isEmpty, type UsedRoutes } from './route-plan.js';

/** A tool that is installed is noticed within this time. */
const RETRY_MS = 10_000;

export interface RoutePlan {
  readonly used: UsedRoutes;
  /** As a router; undefined: it is none. */
  readonly router:
    | { readonly v4: boolean; readonly v6: boolean; readonly snat: boolean }
    | undefined;
  readonly udpPort: number | undefined;
}

export const NO_ROUTES: RoutePlan = {
  used: { subnets: [], kept: [], exit: undefined },
  router: undefined,
  udpPort: undefined,
};

export interface RouteDeskOptions {
  readonly tunName: string;
  readonly stateDir: string;
  readonly log: Logger;
  /** Resolves when the device is up. */
  readonly deviceReady: () => Promise<void>;
  readonly health: {
    set: (subject: string, sentence: string) => void;
    clear: (subject: string) => void;
  };
}

export class RouteDesk {
  readonly #options: RouteDeskOptions;
  readonly #routes: KernelRoutes;
  readonly #switches: KernelSwitches;
  #wanted = NO_ROUTES;
  #applied: RoutePlan | undefined;
  /** Text of nft that stands; undefined: whatever an earlier process left. */
  #table: string | undefined;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RouteDeskOptions) {
    this.#options = options;
    this.#routes = new KernelRoutes(options.tunName);
    this.#switches = new KernelSwitches(options);
  }

  /** Kernel switches that we hold otherwise than they were. */
  get switches(): readonly string[] {
    return this.#switches.changed;
  }

  /** Takes away what an earlier process left. */
  start(): void {
    this.#run();
  }

  want(plan: RoutePlan): void {
    if (JSON.stringify(plan) === JSON.stringify(this.#wanted)) return;
    this.#wanted = plan;
    this.#run();
  }

  /** Something about the machine's devices or routes changed: do ours still stand? */
  async check(): Promise<void> {
    if (this.#running !== undefined || this.#closed || isEmpty(this.#wanted.used)) return;
    if (await this.#routes.stands()) return;
    this.#options.log.warn('routes of the mesh were taken away; they are set again');
    this.#applied = undefined;
    this.#run();
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry);
    this.#wanted = NO_ROUTES;
    if (this.#applied !== NO_ROUTES) this.#run();
    this.#closed = true;
    await this.settled();
    clearTimeout(this.#retry);
  }

  #run(): void {
    clearTimeout(this.#retry);
    if (this.#closed || this.#running !== undefined) return;
    this.#running = this.#applyAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #applyAll(): Promise<void> {
    while (this.#applied !== this.#wanted) {
      const plan = this.#wanted;
      const isDone = await this.#apply(plan);
      if (isDone) this.#applied = plan;
      if (isDone || this.#wanted !== plan) continue;
      if (!this.#closed) this.#retry = setTimeout(() => this.#run(), RETRY_MS);
      break;
    }
  }

  async #apply(plan: RoutePlan): Promise<boolean> {
    const isSwitched = this.#applySwitches(plan);
    // The table first: marks are checked as soon as routes lead elsewhere.
    const hasTable = await this.#applyTable(plan);
    const hasRoutes = await this.#applyRoutes(plan);
    return isSwitched && hasTable && hasRoutes;
  }

  #applySwitches({ used, router }: RoutePlan): boolean {
    const wish: SwitchWish = {
      forwards4: router?.v4 === true,
      forwards6: router?.v6 === true,
      checksMarks: !isEmpty(used),
    };
    const failures = this.#switches.apply(wish);
    this.#tell(
      'forwarding',
      failures.length === 0
        ? undefined
        : `This machine can't serve its routes: ${failures.join('; ')}. Set that where the system keeps its settings, such as /etc/sysctl.d.`,
    );
    return failures.length === 0;
  }

  async #applyTable({ used, router, udpPort }: RoutePlan): Promise<boolean> {
    const wish: TableWish = {
      forwards: router !== undefined,
      masquerades: router?.snat === true,
      translates: used.via === true,
      marks: !isEmpty(used),
      udpPort: isEmpty(used) ? undefined : udpPort,
    };
    const text = tableText(this.#options.tunName, wish);
    if (text === this.#table) return true;
    const failure = await runNft(text);
    if (failure === undefined) this.#table = text;
    const isNeeded = wish.forwards || wish.marks;
    this.#tell(
      'nftables',
      failure === undefined || !isNeeded ? undefined : sentenceOf(wish, failure),
    );
    // Without nft there is no table of ours to take away.
    return failure === undefined || !isNeeded;
  }

  async #applyRoutes({ used, udpPort }: RoutePlan): Promise<boolean> {
    try {
      if (!isEmpty(used)) await this.#options.deviceReady();
      await this.#routes.apply(used, udpPort);
      this.#tell('routes', undefined);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn('routes could not be set', { reason });
      this.#tell('routes', `Routes into the mesh could not be set: ${reason}`);
      return false;
    }
  }

  #tell(subject: string, sentence: string | undefined): void {
    if (sentence === undefined) this.#options.health.clear(subject);
    else this.#options.health.set(subject, sentence);
  }
}

function sentenceOf({ masquerades, forwards }: TableWish, failure: string): string {
  if (masquerades) {
    return `Packets of peers leave this machine under addresses of the mesh, to which nobody answers: no masquerading without nftables (${failure}). Install the package nftables, or give the network behind this machine a route back and set --snat-subnet-routes=false.`;
  }
  const what = forwards
    ? 'Segments of TCP are not fitted to the tunnel'
    : 'A strict check of sources (rp_filter = 1) would drop what comes for this node past its exit node';
  return `${what}: nftables can't be used (${failure}). Install the package nftables.`;
}
