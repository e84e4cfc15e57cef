/**
 * Looks at the engine again and again and tells what is new about our network: the NAT to peers and control, the
 * paths in use to control, a NAT of another class to the history.
 */
import { after, type Instant } from '@warren/core/base/instant';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import type { PathReport } from '@warren/core/netmap/path-report';
import { PathReporter } from '@warren/core/path-engine/path-reporter';
import type { Clock } from '@warren/shell/clock';
import type { EngineHost } from './engine-host.js';
import type { History } from './history.js';

/** Peers that wake soon after our start need to know our NAT; the control client holds back what comes too often. */
const NAT_LOOK_MS = 1_000;
/** As often as the control client would tell it at most. */
const PATHS_LOOK_MS = 5_000;

/** How long a network that is changed for another may be unknown; a check takes 5 s. */
const MOMENT_MS = 10_000;

export interface NetworkReportsOptions {
  readonly host: Pick<EngineHost, 'status' | 'description' | 'isMeasured'>;
  readonly clock: Clock;
  readonly history: Pick<History, 'natIs'>;
  readonly onNat: (nat: NatDescription) => void;
  readonly onPaths: (reports: readonly PathReport[]) => void;
}

export class NetworkReports {
  readonly #options: NetworkReportsOptions;
  readonly #reporter = new PathReporter();
  readonly #timers: readonly NodeJS.Timeout[];
  #unknownSince: Instant | undefined;

  constructor(options: NetworkReportsOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => this.look(), NAT_LOOK_MS),
      setInterval(() => this.#lookAtPaths(), PATHS_LOOK_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** Looks at the NAT now, as the timer does. */
  look(): void {
    const { host, onNat } = this.#options;
    if (!host.isMeasured) return;
    const { description } = host;
    onNat(description);
    this.#note(description);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #lookAtPaths(): void {
    const { host, clock, onPaths } = this.#options;
    const reports = this.#reporter.look(host.status().peers, clock.now());
    if (reports !== undefined) onPaths(reports);
  }

  /** Between two networks nothing is known for a moment, which is no change worth a line. */
  #note({ class: natClass }: NatDescription): void {
    const now = this.#options.clock.now();
    this.#unknownSince = natClass === 'unknown' ? (this.#unknownSince ?? now) : undefined;
    const isMoment = this.#unknownSince !== undefined && now < after(this.#unknownSince, MOMENT_MS);
    if (!isMoment) this.#options.history.natIs(natClass);
  }
}
