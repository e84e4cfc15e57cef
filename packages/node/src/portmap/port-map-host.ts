/**
 * The port mapper's shell: finds the routers, carries datagrams and HTTP, arms the timer, keeps the memory. It lives
 * as long as the daemon, so that a login which ends leaves no mapping behind while the next one begins.
 *
 *     engine --udp-ports, mapping-verified--> host <--> routers
 *     engine <------- mappings, services ------ host
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint, IpFamily } from '@warren/core/ip/address';
import { endpointAddress, familyOf } from '@warren/core/ip/address';
import type {
  PortMapProtocol,
  PortMapperInput,
  PortMapperOutput,
  PortMapping,
  PortMapServices,
} from '@warren/core/portmap/io';
import type { RouterReport } from '@warren/core/portmap/mapper-report';
import { PortMapper } from '@warren/core/portmap/port-mapper';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import { findGateway, type Gateway } from './default-gateways.js';
import { askDevice } from './igd-http.js';
import type { MappingFile } from './mapping-file.js';
import { RouterSockets } from './router-sockets.js';

/** As long as the port mapper gives back at most, and its last answers. */
const LEAVING_MS = 2_000;
/** PCP and NAT-PMP give up after 4 s, a search by UPnP and its devices' descriptions take as long. */
const SURVEY_MS = 6_000;
const SURVEY_STEP_MS = 50;

export interface PortMapHostOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Routes through it lead into the mesh. */
  readonly tunName: string;
  /** Absent: nothing is remembered. */
  readonly file?: MappingFile;
  /** Absent: all of them. */
  readonly protocols?: readonly PortMapProtocol[];
  /** Looks which services there are, and maps nothing. */
  readonly probeOnly?: boolean;
  readonly onChange: (mappings: readonly PortMapping[], services: PortMapServices) => void;
}

export class PortMapHost {
  readonly #options: PortMapHostOptions;
  readonly #mapper: PortMapper;
  readonly #timer: MachineTimer;
  readonly #requests = new AbortController();
  /** By family; those of a router that was left stay open while it is given back what it mapped. */
  readonly #sockets = new Map<IpFamily, RouterSockets>();
  readonly #left = new Set<RouterSockets>();
  #looking = false;
  #lookAgain = false;
  #onReleased: (() => void) | undefined;
  #closed = false;
  #draining = false;

  constructor(options: PortMapHostOptions) {
    this.#options = options;
    this.#mapper = new PortMapper(options);
    this.#timer = new MachineTimer(this.#mapper, options.clock, () =>
      this.#handle({ type: 'timeout' }),
    );
    const mappings = options.file?.read() ?? [];
    if (mappings.length > 0) this.#handle({ type: 'remembered', mappings });
  }

  /** The network may be another one: looks where the default routes lead. */
  linkChanged(): void {
    if (this.#closed) return;
    this.#lookAgain = this.#looking;
    if (!this.#looking) void this.#look();
  }

  /** Ports to be mapped; undefined: no such socket. Answered by `onChange`, now and later. */
  want(ipv4: number | undefined, ipv6: number | undefined): void {
    this.#handle({ type: 'ports', ipv4, ipv6 });
    this.#tell();
  }

  verified(external: Endpoint, works: boolean): void {
    this.#handle({ type: 'verified', external, works });
  }

  /** A person wants to know what there is. */
  probe(): void {
    this.#handle({ type: 'probe' });
  }

  /** Asks all protocols anew, and tells what there is when each had its time. */
  async survey(): Promise<readonly RouterReport[]> {
    const endsAt = performance.now() + SURVEY_MS;
    this.probe();
    while (this.#mapper.isLooking && !this.#closed && performance.now() < endsAt) {
      await sleep(SURVEY_STEP_MS);
    }
    return this.#mapper.report();
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#mapper.counters.snapshot();
  }

  /** Gives everything back; resolves within a second and a half. */
  async stop(): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      this.#onReleased = resolve;
      this.#handle({ type: 'stop' });
    });
    this.#closed = true;
    this.#timer.close();
    this.#requests.abort();
    for (const sockets of [...this.#sockets.values(), ...this.#left]) sockets.close();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const { tunName } = this.#options;
    const [v4, v6] = await Promise.all([findGateway(4, tunName), findGateway(6, tunName)]);
    this.#looking = false;
    if (this.#closed) return;
    this.#meet(4, v4);
    this.#meet(6, v6);
    if (this.#lookAgain) this.linkChanged();
  }

  #meet(family: IpFamily, gateway: Gateway | undefined): void {
    const sockets = this.#sockets.get(family);
    if (JSON.stringify(sockets?.gateway) === JSON.stringify(gateway)) return;
    const { log } = this.#options;
    log.info('router', { family, ...gateway });
    this.#sockets.delete(family);
    if (sockets !== undefined) this.#leave(sockets);
    if (gateway !== undefined) {
      const onDatagram = (source: Endpoint, bytes: Uint8Array): void =>
        this.#handle({ type: 'datagram', source, bytes });
      this.#sockets.set(family, new RouterSockets({ gateway, log, onDatagram }));
    }
    const type = family === 4 ? 'gateway' : 'gateway6';
    this.#handle({ type, gateway: gateway?.gateway, self: gateway?.self });
  }

  #leave(sockets: RouterSockets): void {
    this.#left.add(sockets);
    const timer = setTimeout(() => {
      this.#left.delete(sockets);
      sockets.close();
    }, LEAVING_MS);
    timer.unref();
  }

  #handle(input: PortMapperInput): void {
    if (this.#closed) return;
    this.#mapper.handle(input, this.#options.clock.now());
    if (this.#draining) return;
    this.#draining = true;
    for (let out = this.#mapper.poll(); out !== undefined; out = this.#mapper.poll()) {
      this.#carryOut(out);
    }
    this.#draining = false;
    this.#timer.rearm();
  }

  #carryOut(out: PortMapperOutput): void {
    switch (out.type) {
      case 'send':
        this.#send(out.target, out.bytes);
        break;
      case 'http':
        askDevice(out.request, this.#requests.signal, (result) => this.#handle(result));
        break;
      case 'mappings':
        this.#options.log.info('port mappings', {
          mappings: out.mappings.map(({ protocol, external }) => `${external} by ${protocol}`),
        });
        this.#tell();
        break;
      case 'services':
        this.#options.log.debug('port mapping services', { ...out.services });
        this.#tell();
        break;
      case 'remember':
        this.#options.file?.write(out.mappings);
        break;
      case 'released':
        this.#onReleased?.();
        break;
    }
  }

  /** To the router of that family, and to one that we have just left if it was its. */
  #send(target: Endpoint, bytes: Uint8Array): void {
    const address = endpointAddress(target);
    const left = [...this.#left].find(({ gateway }) => gateway.gateway === address);
    const current = this.#sockets.get(familyOf(address));
    const isCurrent = left === undefined || current?.gateway.gateway === address;
    (isCurrent ? current : left)?.send(target, bytes);
  }

  #tell(): void {
    this.#options.onChange(this.#mapper.mappings, this.#mapper.services);
  }
}
