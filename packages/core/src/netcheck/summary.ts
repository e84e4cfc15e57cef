/** Everything that a network check has to tell, for the local API and `warren netcheck`. */
import type { Endpoint } from '../ip/address.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { EndpointType } from '../netmap/own.js';
import type { DialBackVerdict } from './dial-back.js';
import type { NatVerdict, Verified } from './nat-class.js';
import type { NetcheckReport } from './report.js';

export interface SummarizedEndpoint {
  readonly endpoint: Endpoint;
  readonly type: EndpointType;
  readonly verified: Verified;
}

export interface NetworkSummary {
  readonly report: NetcheckReport;
  readonly nat: NatVerdict;
  readonly description: NatDescription;
  readonly dialBack: DialBackVerdict | undefined;
  /** An IPv6 socket could be opened; undefined: not tried yet. */
  readonly osHasIpv6: boolean | undefined;
  /** What a router's services answered last instead of mapping, in words; absent: nothing is amiss. */
  readonly portMapErrors?: Readonly<Partial<Record<'pcp' | 'natpmp' | 'upnp', string>>>;
  /** Of the IPv4 socket, or of the only one. */
  readonly udpPort: number | undefined;
  readonly endpoints: readonly SummarizedEndpoint[];
}
