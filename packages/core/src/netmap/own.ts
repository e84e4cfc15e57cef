/** What a node reports of itself to control: its endpoints and its network. */
import type { RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';

/** How an own endpoint was learnt; the numbers are control's EndpointTypes. */
export const EndpointType = { local: 1, stun: 2, portmap: 3, stunLocalPort: 4, static: 5 } as const;
export type EndpointType = (typeof EndpointType)[keyof typeof EndpointType];

export interface OwnEndpoint {
  readonly endpoint: Endpoint;
  readonly type: EndpointType;
}

/** What control hears of our network (its NetInfo); undefined: unknown. */
export interface NetInfo {
  readonly homeRegion: RegionId | undefined;
  readonly mappingVariesByDestIp: boolean | undefined;
  readonly workingUdp: boolean | undefined;
  readonly workingIpv6: boolean | undefined;
  readonly osHasIpv6: boolean | undefined;
  /** The router's services, and whether one has mapped our port. */
  readonly upnp?: boolean | undefined;
  readonly natpmp?: boolean | undefined;
  readonly pcp?: boolean | undefined;
  readonly havePortMap?: boolean | undefined;
  /** Smallest latency by region, over IPv4. */
  readonly regionLatencyMs: ReadonlyMap<RegionId, number>;
  /** Over IPv6. */
  readonly regionV6LatencyMs?: ReadonlyMap<RegionId, number>;
}
