/**
 * The port mapper: one race (mapping-race.ts) per family, for the router that the default route leads to.
 *
 *     gateway, ports --> race of PCP, NAT-PMP, UPnP  |  over IPv6 PCP alone, for a pinhole in the firewall
 *     another gateway or port --> the old race gives back what it has, beside the new one
 *     stop --> all give back --> `released`, at the latest after a second and a half
 *
 * Datagrams are sorted here: what comes from the gateway's port 5351 goes to PCP or NAT-PMP by its version, what
 * comes from there with another address goes nowhere, everything else is for UPnP to judge. See io.ts.
 */
import { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { endpointAddress, endpointPort, familyOf, type IpAddress } from '../ip/address.js';
import type { Machine, Random } from '../ports.js';
import type {
  PortMapProtocol,
  PortMapperInput,
  PortMapperOutput,
  PortMapping,
  PortMapServices,
} from './io.js';
import type { RouterReport } from './mapper-report.js';
import { MappingMemory } from './mapping-memory.js';
import { MappingRace } from './mapping-race.js';
import type { MappingMethod, MethodOptions } from './method.js';
import { isNatPmpVersionError, mappingServerPort } from './natpmp.js';
import { natPmpClient } from './natpmp-client.js';
import { isPcpVersionError, PCP_VERSION } from './pcp.js';
import { pcpClient } from './pcp-client.js';
import { UpnpClient } from './upnp-client.js';

/** In the order of preference. */
export const portMapProtocols: readonly PortMapProtocol[] = ['pcp', 'natpmp', 'upnp'];
/** Old races that still give back: a machine whose network flaps leaves the rest to run out. */
const maxLeaving = 4;
/** HTTP requests under way; a UPnP client has one at a time. */
const maxHttp = 32;
/** In all, whatever a router does. */
const stopMs = 1_500;

const METHODS: Readonly<Record<PortMapProtocol, (options: MethodOptions) => MappingMethod>> = {
  pcp: pcpClient,
  natpmp: natPmpClient,
  upnp: (options) => new UpnpClient(options),
};

export interface PortMapperOptions {
  readonly random: Random;
  /** Absent: all of them. */
  readonly protocols?: readonly PortMapProtocol[];
  /** Looks which services there are, and maps nothing. */
  readonly probeOnly?: boolean;
}

/** Where a family's race is run; undefined parts: not known, so none is. */
interface Place {
  gateway: IpAddress | undefined;
  self: IpAddress | undefined;
  port: number | undefined;
  race: MappingRace | undefined;
}

export class PortMapper implements Machine<PortMapperInput, PortMapperOutput> {
  /** What was refused, by reason; names begin with `portmap-`. */
  readonly counters = new Counters();
  readonly #options: PortMapperOptions;
  readonly #outputs: PortMapperOutput[] = [];
  readonly #memory = new MappingMemory();
  readonly #places: Readonly<Record<4 | 6, Place>> = { 4: noPlace(), 6: noPlace() };
  readonly #http = new Map<number, MappingRace>();
  #leaving: MappingRace[] = [];
  #nextHttp = 1;
  #told = { mappings: '[]', services: JSON.stringify({ errors: {} }) };
  #stopAt: Instant | undefined;
  #stopped = false;

  constructor(options: PortMapperOptions) {
    this.#options = options;
  }

  handle(input: PortMapperInput, now: Instant): void {
    if (this.#stopped) return;
    if (input.type === 'stop') this.#stop(now);
    else if (this.#stopAt === undefined) this.#command(input, now);
    this.#event(input, now);
    this.#tell(now);
  }

  poll(): PortMapperOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    if (this.#stopped) return undefined;
    return earliest(this.#stopAt, ...this.#races().map((race) => race.nextTimeout()));
  }

  get mappings(): readonly PortMapping[] {
    const mappings = [this.#places[4].race?.mapping, this.#places[6].race?.mapping];
    return mappings.filter((mapping) => mapping !== undefined);
  }

  get services(): PortMapServices {
    const { race } = this.#places[4];
    const present = (protocol: PortMapProtocol): boolean | undefined =>
      race?.service(protocol).present;
    const errors: Partial<Record<PortMapProtocol, string>> = {};
    for (const protocol of portMapProtocols) {
      const error = race?.service(protocol).error;
      if (error !== undefined) errors[protocol] = error;
    }
    const services = { pcp: present('pcp'), natpmp: present('natpmp'), upnp: present('upnp') };
    return { ...services, routerAddress: race?.routerAddress, errors };
  }

  /** An answer to a search or question is awaited. */
  get isLooking(): boolean {
    return [this.#places[4].race, this.#places[6].race].some((race) => race?.isLooking === true);
  }

  /** For people: the router of each family. */
  report(): readonly RouterReport[] {
    return ([4, 6] as const).map((family) => {
      const { gateway, self, port, race } = this.#places[family];
      return { family, gateway, self, internalPort: port, methods: race?.report() ?? [] };
    });
  }

  /** What is refused while everything is given back. */
  #command(input: PortMapperInput, now: Instant): void {
    switch (input.type) {
      case 'gateway':
        this.#move(4, input, now);
        break;
      case 'gateway6':
        this.#move(6, input, now);
        break;
      case 'ports':
        this.#move(4, { port: input.ipv4 }, now);
        this.#move(6, { port: input.ipv6 }, now);
        break;
      case 'remembered':
        this.#memory.load(input.mappings);
        break;
      case 'verified':
        this.#verified(input, now);
        break;
      case 'probe':
        for (const { race } of [this.#places[4], this.#places[6]]) {
          race?.handle(undefined, { type: 'probe' }, now);
        }
        break;
      default:
        break;
    }
  }

  /** What is also heard then. */
  #event(input: PortMapperInput, now: Instant): void {
    switch (input.type) {
      case 'datagram':
        this.#datagram(input, now);
        break;
      case 'http-answer':
      case 'http-failed': {
        const race = this.#http.get(input.id);
        this.#http.delete(input.id);
        if (race === undefined) this.counters.add('portmap-http-unasked');
        else race.handle('upnp', input, now);
        break;
      }
      case 'timeout':
        for (const race of this.#races()) race.runTimers(now);
        break;
      default:
        break;
    }
  }

  #races(): readonly MappingRace[] {
    const current = [this.#places[4].race, this.#places[6].race];
    return [...current.filter((race) => race !== undefined), ...this.#leaving];
  }

  #move(family: 4 | 6, to: Partial<Omit<Place, 'race'>>, now: Instant): void {
    const place = this.#places[family];
    const { gateway, self, port } = {
      gateway: 'gateway' in to ? to.gateway : place.gateway,
      self: 'self' in to ? to.self : place.self,
      port: 'port' in to ? to.port : place.port,
    };
    if (gateway === place.gateway && self === place.self && port === place.port) return;
    this.#leave(place, now);
    const isWrong = [gateway, self].some((of) => of !== undefined && familyOf(of) !== family);
    if (isWrong) this.counters.add('portmap-wrong-family');
    Object.assign(place, isWrong ? noPlace() : { gateway, self, port });
    this.#start(family, now);
  }

  #start(family: 4 | 6, now: Instant): void {
    const place = this.#places[family];
    const { gateway, self, port } = place;
    if (place.race !== undefined || this.#stopAt !== undefined) return;
    if (gateway === undefined || self === undefined || port === undefined) return;
    // What the old race still deletes must not be what the new one has just made.
    const isHeld = this.#leaving.some(
      (old) => old.gateway === gateway && old.internalPort === port,
    );
    if (isHeld) return;
    place.race = new MappingRace(
      {
        ...{ gateway, self, internalPort: port, counters: this.counters, memory: this.#memory },
        methods: this.#methods(family),
        probeOnly: this.#options.probeOnly === true,
        send: (target, bytes) => this.#outputs.push({ type: 'send', target, bytes }),
        http: (request, race) => {
          for (const id of this.#http.keys()) {
            if (this.#http.size < maxHttp) break;
            this.#http.delete(id);
          }
          this.#http.set(request.id, race);
          this.#outputs.push({ type: 'http', request });
        },
      },
      now,
    );
  }

  #methods(family: 4 | 6): readonly MappingMethod[] {
    const { random, protocols = portMapProtocols } = this.#options;
    const options = { random, counters: this.counters, newRequestId: () => this.#nextHttp++ };
    const usable = family === 4 ? protocols : protocols.filter((protocol) => protocol === 'pcp');
    return usable.map((protocol) => METHODS[protocol](options));
  }

  #leave(place: Place, now: Instant): void {
    const { race } = place;
    place.race = undefined;
    if (race === undefined) return;
    race.end(now);
    this.#leaving = [...this.#leaving, race].slice(-maxLeaving);
  }

  #verified(
    { external, works }: Extract<PortMapperInput, { readonly type: 'verified' }>,
    now: Instant,
  ): void {
    const races = [this.#places[4].race, this.#places[6].race];
    const isOurs = races.some((race) => race?.verified(external, works, now) === true);
    if (!isOurs) this.counters.add('portmap-verified-unknown');
  }

  #datagram(input: Extract<PortMapperInput, { readonly type: 'datagram' }>, now: Instant): void {
    const { source, bytes } = input;
    const isServer = endpointPort(source) === mappingServerPort;
    const gateway = endpointAddress(source);
    const races = this.#races().filter((race) => !isServer || race.gateway === gateway);
    const protocol = isServer ? versionOf(bytes) : 'upnp';
    if (races.length === 0 || protocol === undefined) {
      const reason = races.length === 0 ? 'portmap-wrong-source' : 'portmap-unknown-version';
      this.counters.add(reason);
      return;
    }
    for (const race of races) race.handle(protocol, input, now);
  }

  #stop(now: Instant): void {
    if (this.#stopAt !== undefined) return;
    this.#stopAt = after(now, stopMs);
    for (const place of [this.#places[4], this.#places[6]]) this.#leave(place, now);
  }

  #tell(now: Instant): void {
    this.#leaving = this.#leaving.filter((race) => !race.hasEnded);
    for (const family of [4, 6] as const) this.#start(family, now);
    const { mappings, services } = this;
    const told = { mappings: JSON.stringify(mappings), services: JSON.stringify(services) };
    if (told.mappings !== this.#told.mappings) this.#outputs.push({ type: 'mappings', mappings });
    if (told.services !== this.#told.services) this.#outputs.push({ type: 'services', services });
    this.#told = told;
    const remembered = this.#memory.takeChange();
    if (remembered !== undefined) this.#outputs.push({ type: 'remember', mappings: remembered });
    if (this.#stopAt === undefined) return;
    if (this.#leaving.length > 0 && now < this.#stopAt) return;
    this.#stopped = true;
    this.#http.clear();
    this.#outputs.push({ type: 'released' });
  }
}

function noPlace(): Place {
  return { gateway: undefined, self: undefined, port: undefined, race: undefined };
}

/** Who is answered: a server that can't read the version that it got answers in its own. */
function versionOf(bytes: Uint8Array): PortMapProtocol | undefined {
  if (isNatPmpVersionError(bytes)) return 'pcp';
  if (isPcpVersionError(bytes)) return 'natpmp';
  if (bytes[0] === PCP_VERSION) return 'pcp';
  return bytes[0] === 0 ? 'natpmp' : undefined;
}
