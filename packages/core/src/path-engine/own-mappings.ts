/**
 * What a router's port mapping means for us. The port mapper runs outside, since it outlives an engine (a login ends,
 * the mapping is still to be given back); here its mappings become endpoints, evidence and reports, and what is
 * proven of them goes back to it.
 *
 *     udp-ports ----> port mapper ----> port-map ----> endpoints of type portmap, NAT description, NetInfo
 *     proofs: yes, dead ----> mapping-verified
 *
 * Peers are told of a mapping only when strangers could use it: its address is public, and it is the one under which
 * STUN servers see us, or no server was heard. A router that tells another one lies, or stands behind a carrier's; but one
 * that translates to several addresses may hold the mapping at any of them, and servers don't see all.
 */
import type { Instant } from '../base/instant.js';
import { type Endpoint, endpointAddress, familyOf } from '../ip/address.js';
import type { NetcheckReport } from '../netcheck/report.js';
import { EndpointType, type OwnEndpoint } from '../netmap/own.js';
import type { PortMapping, PortMapServices } from '../portmap/io.js';
import type { EndpointProving } from './endpoint-proving.js';
import type { NetInfoReporter } from './net-info-reporter.js';
import type { EngineOutputs } from './outputs.js';
import type { OwnEndpoints } from './own-endpoints.js';
import type { OwnNat } from './own-nat.js';
import type { OwnNatDescription } from './own-nat-description.js';
import type { Sockets } from './sockets.js';

const NOTHING_FOUND: PortMapServices = {
  pcp: undefined,
  natpmp: undefined,
  upnp: undefined,
  routerAddress: undefined,
  errors: {},
};

export interface OwnMappingsOptions {
  readonly outputs: EngineOutputs;
  readonly proving: EndpointProving;
  readonly nat: OwnNat;
  readonly netInfo: NetInfoReporter;
  readonly endpoints: OwnEndpoints;
  readonly description: OwnNatDescription;
  /** Peers may be told other endpoints than before. */
  readonly onChange: (now: Instant) => void;
}

export class OwnMappings {
  readonly #options: OwnMappingsOptions;
  #mappings: readonly PortMapping[] = [];
  /** What the router speaks. */
  #services: PortMapServices = NOTHING_FOUND;
  /** As servers saw us, by the latest report. */
  #seen: readonly Endpoint[] = [];
  #ports = '';

  constructor(options: OwnMappingsOptions) {
    this.#options = options;
    options.proving.onDead = (own) => this.#judged(own, false);
    options.proving.onVerdict = (own, verified) => {
      if (verified === 'yes') this.#judged(own, true);
    };
  }

  get errors(): PortMapServices['errors'] {
    return this.#services.errors;
  }

  update(mappings: readonly PortMapping[], services: PortMapServices, now: Instant): void {
    this.#mappings = mappings;
    this.#services = services;
    this.#spread();
    this.#options.onChange(now);
  }

  /** Before the report's other readers; they tell what it changes. */
  report({ observations }: NetcheckReport): void {
    this.#seen = observations.map(({ mapped }) => mapped);
    this.#spread();
  }

  /** Asks for mappings of these ports; undefined: there is no socket. */
  want(sockets: Pick<Sockets, 'port'>): void {
    const [ipv4, ipv6] = [sockets.port(4), sockets.port(6)];
    const ports = `${ipv4},${ipv6}`;
    if (ports === this.#ports) return;
    this.#ports = ports;
    this.#options.outputs.push({ type: 'udp-ports', ipv4, ipv6 });
  }

  networkChanged(): void {
    this.#seen = [];
    this.#spread();
  }

  #judged({ endpoint, type }: OwnEndpoint, works: boolean): void {
    if (type !== EndpointType.portmap) return;
    this.#options.outputs.push({ type: 'mapping-verified', external: endpoint, works });
  }

  #spread(): void {
    const { nat, netInfo, endpoints, description } = this.#options;
    const externals = this.#mappings.map(({ external }) => external);
    const external = externals.find((of) => familyOf(endpointAddress(of)) === 4);
    const { pcp, natpmp, upnp, routerAddress } = this.#services;
    nat.portMapped = externals;
    description.portMapping = { pcp, natpmp, upnp, external };
    description.routerAddress = routerAddress;
    netInfo.portMap(this.#services, externals.length > 0);
    endpoints.mapped = this.#mappings
      .filter((mapping) => mapping.isPublic && !this.#isContradicted(mapping.external))
      .map((mapping) => mapping.external);
  }

  #isContradicted(external: Endpoint): boolean {
    const address = endpointAddress(external);
    const seen = this.#seen
      .map(endpointAddress)
      .filter((other) => familyOf(other) === familyOf(address));
    return new Set(seen).size === 1 && !seen.includes(address);
  }
}
