/**
 * Looks at the engine every few seconds and tells what is new about our network: the NAT to peers and control, the
 * paths in use to control, a NAT of another class to the history.
 */
import type { NatDescription } from '@warren/core/netmap/nat-description';
import type { PathReport } from '@warren/core/netmap/path-report';
import { PathReporter } from '@warren/core/path-engine/path-reporter';
import type { Clock } from '@warren/shell/clock';
import type { EngineHost } from './engine-host.js';
import type { History } from './history.js';

/** As often as the control client would tell it at most. */
const LOOK_MS = 5_000;

export interface NetworkReportsOptions {
  readonly host: Pick<EngineHost, 'status' | 'isMeasured'>;
  readonly clock: Clock;
  readonly history: Pick<History, 'natIs'>;
  readonly onNat: (nat: NatDescription) => void;
  readonly onPaths: (reports: readonly PathReport[]) => void;
}

export class NetworkReports {
  readonly #options: NetworkReportsOptions;
  readonly #reporter = new PathReporter();
  readonly #timer: NodeJS.Timeout;
  #wasUnknown = false;

  constructor(options: NetworkReportsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Looks now, as the timer does. */
  look(): void {
    const { host, clock, onNat, onPaths } = this.#options;
    const status = host.status();
    if (host.isMeasured) {
      onNat(status.description);
      this.#note(status.description);
    }
    const reports = this.#reporter.look(status.peers, clock.now());
    if (reports !== undefined) onPaths(reports);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Between two networks nothing is known for a moment, which is no change worth a line. */
  #note({ class: natClass }: NatDescription): void {
    const isUnknown = natClass === 'unknown';
    if (!isUnknown || this.#wasUnknown) this.#options.history.natIs(natClass);
    this.#wasUnknown = isUnknown;
  }
}
