/**
 * Inputs and outputs of the port mapper (port-mapper.ts): one machine that races PCP, NAT-PMP and UPnP IGD for a
 * public port of our UDP socket, keeps it alive, notices when the router forgot it, and gives it back.
 *
 *     gateway known --> probing all three, retransmitting --> mapped by the best --> renewing at half its life
 *     epoch lost, announcement, verification failed, gateway changed --> again from the beginning
 *     stop --> every mapping deleted --> `released`
 *
 * Shells around it own one UDP socket for routers (which also joins 224.0.0.1:5350) and make HTTP requests.
 */
import type { Endpoint, IpAddress } from '../ip/address.js';

export type PortMapProtocol = 'pcp' | 'natpmp' | 'upnp';

/** A mapping as the router granted it. */
export interface PortMapping {
  readonly protocol: PortMapProtocol;
  readonly internalPort: number;
  /** Where strangers may send to; a PCP pinhole for IPv6 has our own address here. */
  readonly external: Endpoint;
  /** False: the external address is private or a carrier's, of use inside the outer network only. */
  readonly isPublic: boolean;
  /** Granted lifetime in ms; Infinity: permanent, so it must be released. */
  readonly lifetimeMs: number;
}

/** A mapping that may outlive us, for the state file: it is taken up again, or deleted at the next start. */
export interface RememberedMapping {
  readonly protocol: PortMapProtocol;
  readonly gateway: IpAddress;
  readonly self: IpAddress;
  readonly internalPort: number;
  readonly external: Endpoint;
  /** PCP: 12 bytes as hex; renewals and deletion must repeat it. */
  readonly nonce?: string;
  /** UPnP: control URL and service type of the device that has it. */
  readonly device?: { readonly controlUrl: string; readonly service: string };
}

/** What is known of the router's services; undefined: not asked yet, false: silent or refused. */
export interface PortMapServices {
  readonly pcp: boolean | undefined;
  readonly natpmp: boolean | undefined;
  readonly upnp: boolean | undefined;
  /** The router's external IPv4 address, as it told last over any of them; kept when a mapping is given up. */
  readonly routerAddress: IpAddress | undefined;
  /** The latest failure of each, in words for people. */
  readonly errors: Readonly<Partial<Record<PortMapProtocol, string>>>;
}

export interface HttpRequest {
  /** Answered by `http-answer` or `http-failed` with the same number. */
  readonly id: number;
  readonly method: 'GET' | 'POST';
  /** A literal address on the LAN; never a name. */
  readonly host: Endpoint;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

/** No router's description or answer is longer; shells stop reading there and fail with `too-long`. */
export const httpBodyMaxBytes = 64 * 1024;

export type PortMapperInput =
  /** Where the default route leads and our address towards it; another one means another network. */
  | {
      readonly type: 'gateway';
      readonly gateway: IpAddress | undefined;
      readonly self: IpAddress | undefined;
    }
  /** The same for IPv6, for firewall pinholes by PCP. */
  | {
      readonly type: 'gateway6';
      readonly gateway: IpAddress | undefined;
      readonly self: IpAddress | undefined;
    }
  /** Our UDP sockets are bound to these ports; undefined: no socket. Another port: the old mapping is released. */
  | {
      readonly type: 'ports';
      readonly ipv4: number | undefined;
      readonly ipv6: number | undefined;
    }
  /** From the state file, at most once and before the first gateway. */
  | { readonly type: 'remembered'; readonly mappings: readonly RememberedMapping[] }
  /** Something came to the router socket. */
  | { readonly type: 'datagram'; readonly source: Endpoint; readonly bytes: Uint8Array }
  /** A redirect is an answer like others: it is never followed. */
  | {
      readonly type: 'http-answer';
      readonly id: number;
      readonly status: number;
      readonly body: string;
    }
  | { readonly type: 'http-failed'; readonly id: number; readonly reason: string }
  /** Whether a mapping's external endpoint lets strangers in; false: it is made anew, elsewhere. */
  | { readonly type: 'verified'; readonly external: Endpoint; readonly works: boolean }
  /** A person wants to know now which services there are. */
  | { readonly type: 'probe' }
  /** Delete everything; the machine ends with `released`, at the latest after a second and a half. */
  | { readonly type: 'stop' }
  | { readonly type: 'timeout' };

export type PortMapperOutput =
  /** From the router socket. */
  | { readonly type: 'send'; readonly target: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'http'; readonly request: HttpRequest }
  /** The mappings in use, the best first, whenever they change: at most one a family. */
  | { readonly type: 'mappings'; readonly mappings: readonly PortMapping[] }
  /** For the state file, whenever it changes. */
  | { readonly type: 'remember'; readonly mappings: readonly RememberedMapping[] }
  | { readonly type: 'services'; readonly services: PortMapServices }
  | { readonly type: 'released' };
