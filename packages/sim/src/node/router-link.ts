/**
 * A node's port mapper at work: the machine of core between its engine and the router of the LAN that its host
 * is plugged into. It dies with the process: what it mapped stays until it runs out or is taken up again.
 */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { Endpoint } from '@warren/core/ip/address';
import type {
  PortMapperInput,
  PortMapping,
  PortMapServices,
  RememberedMapping,
} from '@warren/core/portmap/io';
import { PortMapper } from '@warren/core/portmap/port-mapper';
import { MachineTimer } from '../clock/machine-timer.js';
import type { SimClock } from '../clock/sim-clock.js';
import type { Host } from '../net/host.js';
import { RouterSocket } from './router-socket.js';

export interface RouterLinkOptions {
  readonly clock: SimClock;
  readonly host: Host;
  readonly random: SeededRandom;
  /** From the state file. */
  readonly remembered: readonly RememberedMapping[];
  readonly onMappings: (mappings: readonly PortMapping[], services: PortMapServices) => void;
  /** For the state file. */
  readonly onRemember: (mappings: readonly RememberedMapping[]) => void;
}

export class RouterLink {
  readonly mapper: PortMapper;
  readonly #options: RouterLinkOptions;
  readonly #socket: RouterSocket;
  readonly #timer: MachineTimer;
  #polling = false;
  #closed = false;

  constructor(options: RouterLinkOptions) {
    const { clock, host, random, remembered } = options;
    this.#options = options;
    this.mapper = new PortMapper({ random: random.fork() });
    this.#socket = new RouterSocket({
      clock,
      host,
      random: random.fork(),
      onDatagram: (source, bytes) => this.#handle({ type: 'datagram', source, bytes }),
      onHttp: (id, outcome) =>
        this.#handle(
          'failed' in outcome
            ? { type: 'http-failed', id, reason: outcome.failed }
            : { type: 'http-answer', id, ...outcome },
        ),
    });
    this.#timer = new MachineTimer(this.mapper, clock, () => this.#handle({ type: 'timeout' }));
    this.#handle({ type: 'remembered', mappings: remembered });
    this.networkChanged();
  }

  /** The host was plugged in elsewhere, or nowhere. */
  networkChanged(): void {
    const { plug } = this.#options.host;
    for (const [type, family] of [
      ['gateway', 4],
      ['gateway6', 6],
    ] as const) {
      const gateway = plug?.gateway(family);
      const self = gateway === undefined ? undefined : plug?.sourceFor(family);
      this.#handle({ type, gateway, self });
    }
  }

  /** The engine's sockets are bound to these ports. */
  ports(ipv4: number | undefined, ipv6: number | undefined): void {
    this.#handle({ type: 'ports', ipv4, ipv6 });
  }

  verified(external: Endpoint, works: boolean): void {
    this.#handle({ type: 'verified', external, works });
  }

  /** The process is killed. */
  close(): void {
    this.#closed = true;
    this.#timer.close();
    this.#socket.close();
  }

  #handle(input: PortMapperInput): void {
    if (this.#closed) return;
    this.mapper.handle(input, this.#options.clock.now);
    if (!this.#polling) this.#drain();
    this.#timer.rearm();
  }

  #drain(): void {
    this.#polling = true;
    const { mapper } = this;
    let isNews = false;
    for (let output = mapper.poll(); output !== undefined; output = mapper.poll()) {
      switch (output.type) {
        case 'send':
          this.#socket.send(output.target, output.bytes);
          break;
        case 'http':
          this.#socket.http(output.request);
          break;
        case 'mappings':
        case 'services':
          isNews = true;
          break;
        case 'remember':
          this.#options.onRemember(output.mappings);
          break;
        case 'released':
          break;
      }
    }
    this.#polling = false;
    if (isNews) this.#options.onMappings(mapper.mappings, mapper.services);
  }
}
