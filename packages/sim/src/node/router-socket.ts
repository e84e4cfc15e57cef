/**
 * A node's way to the router of its LAN, for the port mapper: one UDP socket of each family, an ear for
 * announcements (224.0.0.1:5350), and HTTP. What the network has no way for is silence.
 */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { type Endpoint, endpointAddress, familyOf, type IpFamily } from '@warren/core/ip/address';
import { type HttpRequest, httpBodyMaxBytes } from '@warren/core/portmap/io';
import type { SimClock } from '../clock/sim-clock.js';
import type { Host } from '../net/host.js';
import type { LanHttpOutcome } from '../net/lan-http.js';

/** Where PCP and NAT-PMP servers tell everybody that they have lost their state (RFC 6887 §14.1.3). */
const ANNOUNCEMENTS_PORT = 5350;
/** What systems hand out when any port will do. */
const EPHEMERAL_PORT_MIN = 32_768;
const EPHEMERAL_PORTS = 28_000;
const TRIES = 64;

export interface RouterSocketOptions {
  readonly clock: SimClock;
  readonly host: Host;
  readonly random: SeededRandom;
  readonly onDatagram: (source: Endpoint, bytes: Uint8Array) => void;
  readonly onHttp: (id: number, outcome: LanHttpOutcome) => void;
}

export class RouterSocket {
  readonly #options: RouterSocketOptions;
  readonly #ports = new Map<IpFamily, number>();
  #hearsAnnouncements = false;
  #closed = false;

  constructor(options: RouterSocketOptions) {
    this.#options = options;
    for (const family of [4, 6] as const) this.#bind(family);
    this.#hearsAnnouncements = options.host.bind(4, ANNOUNCEMENTS_PORT, this.#receive);
  }

  send(target: Endpoint, bytes: Uint8Array): void {
    const port = this.#ports.get(familyOf(endpointAddress(target)));
    if (port !== undefined && !this.#closed) this.#options.host.send(port, target, bytes.slice());
  }

  /** Answered by `onHttp` once, after `timeoutMs` at the latest. */
  http({ id, host: router, timeoutMs, ...request }: HttpRequest): void {
    const { clock, host, onHttp } = this.#options;
    let isDone = false;
    const done = (outcome: LanHttpOutcome): void => {
      if (isDone || this.#closed) return;
      isDone = true;
      const isLong = 'body' in outcome && outcome.body.length > httpBodyMaxBytes;
      onHttp(id, isLong ? { failed: 'too-long' } : outcome);
    };
    const at = host.plug;
    at?.http(router, request, (outcome) => {
      if (host.plug === at) done(outcome);
    });
    clock.later(timeoutMs, () => done({ failed: 'timeout' }));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { host } = this.#options;
    for (const [family, port] of this.#ports) host.unbind(family, port);
    if (this.#hearsAnnouncements) host.unbind(4, ANNOUNCEMENTS_PORT);
  }

  readonly #receive = (source: Endpoint, bytes: Uint8Array): void => {
    if (!this.#closed) this.#options.onDatagram(source, bytes.slice());
  };

  #bind(family: IpFamily): void {
    const { host, random } = this.#options;
    for (let i = 0; i < TRIES; i++) {
      const port = EPHEMERAL_PORT_MIN + random.below(EPHEMERAL_PORTS);
      if (!host.bind(family, port, this.#receive)) continue;
      this.#ports.set(family, port);
      return;
    }
  }
}
