/**
 * A router's port mapping server: bytes in, bytes out, as a client on the LAN meets it.
 *
 *     gateway:5351            version 0 NAT-PMP, version 2 PCP; a version that it doesn't speak is silence
 *     gateway:1900, 239.255.255.250:1900    SSDP
 *     gateway:5000            HTTP with description and control of the IGD
 *     to 224.0.0.1:5350       after a reboot: PCP and NAT-PMP tell everybody that the state is lost
 *
 * Its epoch is the seconds since the last reboot, which also loses the mappings.
 */
import type { Instant } from '@warren/core/base/instant';
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '@warren/core/ip/address';
import type { PortMappings } from '../../nat/port-mappings.js';
import type { LanHttpAnswer, LanHttpRequest } from '../../net/lan-http.js';
import { socket } from '../../topology/literals.js';
import type { PortMappingProtocol, PortMappingService } from '../../topology/types.js';
import { DESCRIPTION_PATH, type IgdVersion } from './igd-description.js';
import { IgdServer } from './igd-server.js';
import { NatPmpServer } from './natpmp-server.js';
import { outsideOf } from './outside.js';
import { PcpServer } from './pcp-server.js';
import { SsdpServer } from './ssdp-server.js';

/** NAT-PMP and PCP on the router, and what clients listen on for announcements. */
export const ROUTER_PORT = 5351;
export const ANNOUNCEMENTS = socket('224.0.0.1:5350');
export const SSDP_PORT = 1900;
export const SSDP_GROUP = socket('239.255.255.250:1900');
/** Of miniupnpd's usual configuration. */
export const HTTP_PORT = 5000;

export interface PortMappingServerOptions {
  readonly service: PortMappingService;
  readonly mappings: PortMappings;
  /** Its address in the LAN. */
  readonly gateway: IpAddress;
  /** The router's IPv4 address outside, at present. */
  readonly wan: () => IpAddress | undefined;
  readonly startedAt: Instant;
  /** Which IGD it is; absent: 2. */
  readonly igd?: IgdVersion;
  readonly permanentOnly?: boolean;
  /** Makes its UUID its own. */
  readonly index?: number;
}

export class PortMappingServer {
  readonly mappings: PortMappings;
  readonly #protocols: readonly PortMappingProtocol[];
  readonly #natpmp: NatPmpServer;
  readonly #pcp: PcpServer;
  readonly #ssdp: SsdpServer;
  readonly #igd: IgdServer;
  #startedAt: Instant;

  constructor(options: PortMappingServerOptions) {
    const { service, mappings, gateway, igd = 2, permanentOnly = false } = options;
    this.mappings = mappings;
    this.#protocols = service.protocols;
    this.#startedAt = options.startedAt;
    const uuid = `00000000-0000-4000-8000-${String(options.index ?? 0).padStart(11, '0')}0`;
    const shared = {
      mappings,
      outside: outsideOf(options.wan, service.tells),
      epochSeconds: (now: Instant) => Math.floor((now - this.#startedAt) / 1000),
    };
    this.#natpmp = new NatPmpServer(shared);
    this.#pcp = new PcpServer(shared);
    this.#igd = new IgdServer({ ...shared, uuid, igd, permanentOnly });
    const location = `http://${gateway}:${HTTP_PORT}${DESCRIPTION_PATH}`;
    this.#ssdp = new SsdpServer({ uuid, igd, location });
  }

  /** What it answers to a datagram for one of its ports, in order. */
  answers(source: Endpoint, target: Endpoint, bytes: Uint8Array, now: Instant): Uint8Array[] {
    switch (endpointPort(target)) {
      case ROUTER_PORT:
        return this.#routerAnswers(source, bytes, now);
      case SSDP_PORT:
        return this.#speaks('upnp') ? this.#ssdp.answers(bytes) : [];
      default:
        return [];
    }
  }

  /** Undefined: nobody listens at that port. */
  http(
    client: IpAddress,
    port: number,
    request: LanHttpRequest,
    now: Instant,
  ): LanHttpAnswer | undefined {
    if (port !== HTTP_PORT || !this.#speaks('upnp')) return undefined;
    return this.#igd.answer(client, request, now);
  }

  reboot(now: Instant): void {
    this.#startedAt = now;
    this.mappings.clear();
  }

  /** What it tells the whole LAN once it is up again. */
  announcements(now: Instant): Uint8Array[] {
    const announced: Uint8Array[] = [];
    if (this.#speaks('pcp')) announced.push(this.#pcp.announcement(now));
    if (this.#speaks('natpmp')) announced.push(this.#natpmp.addressAnswer(now));
    return announced;
  }

  #routerAnswers(source: Endpoint, bytes: Uint8Array, now: Instant): Uint8Array[] {
    const isNatPmp = bytes[0] === 0;
    if (!this.#speaks(isNatPmp ? 'natpmp' : 'pcp')) return [];
    // NAT-PMP is of IPv4 alone.
    if (isNatPmp && endpointAddress(source).includes(':')) return [];
    const answer = isNatPmp
      ? this.#natpmp.answer(source, bytes, now)
      : this.#pcp.answer(source, bytes, now);
    return answer === undefined ? [] : [answer];
  }

  #speaks(protocol: PortMappingProtocol): boolean {
    return this.#protocols.includes(protocol);
  }
}
