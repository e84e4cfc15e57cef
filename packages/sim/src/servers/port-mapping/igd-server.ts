/**
 * The WANIPConnection service of a router (IGD 1 and 2) over HTTP, as miniupnpd offers it in secure mode: a
 * client maps ports to itself alone and takes back none of others.
 *
 *     GET  /rootDesc.xml   the device description
 *     POST /ctl/IPConn     AddPortMapping, AddAnyPortMapping (IGD 2), DeletePortMapping, GetExternalIPAddress,
 *                          GetStatusInfo, GetSpecificPortMappingEntry, GetGenericPortMappingEntry
 *
 * Without a public address the router is connected all the same, tells an empty address, and actions that would
 * map fail (501): measured with miniupnpd 2.3.1.
 */
import { after, type Instant, instant } from '@warren/core/base/instant';
import { endpoint, endpointAddress, endpointPort, type IpAddress } from '@warren/core/ip/address';
import {
  freePort,
  type GrantedMapping,
  PORT_MIN,
  type PortMappings,
  type Transport,
} from '../../nat/port-mappings.js';
import type { LanHttpAnswer, LanHttpRequest } from '../../net/lan-http.js';
import {
  CONTROL_PATH,
  connectionService,
  DESCRIPTION_PATH,
  type IgdVersion,
  igdDescription,
} from './igd-description.js';
import type { Outside } from './outside.js';
import { parseSoapAction, type SoapAction, soapAnswer, soapFault } from './soap-envelope.js';

export interface IgdOptions {
  readonly mappings: PortMappings;
  readonly outside: Outside;
  readonly uuid: string;
  readonly igd: IgdVersion;
  /** Leases of a time are refused with 725, as by many IGD 1 routers. */
  readonly permanentOnly: boolean;
  readonly epochSeconds: (now: Instant) => number;
}

/** A week: what IGD 2 gives who asks for ever, or for longer (WANIPConnection:2 §2.3.10). */
const LEASE_MAX_SECONDS = 604_800;
/** IGD 1 keeps for ever what asks for no time. */
const FOR_EVER = instant(Number.POSITIVE_INFINITY);

const FAULTS = {
  401: 'Invalid Action',
  402: 'Invalid Args',
  501: 'Action Failed',
  606: 'Action not authorized',
  713: 'SpecifiedArrayIndexInvalid',
  714: 'NoSuchEntryInArray',
  716: 'WildCardNotPermittedInExtPort',
  718: 'ConflictInMappingEntry',
  725: 'OnlyPermanentLeasesSupported',
  728: 'NoPortMapsAvailable',
} as const;
type FaultCode = keyof typeof FAULTS;

/** What an action returns. */
type Values = Readonly<Record<string, string>>;

export class IgdServer {
  readonly #options: IgdOptions;

  constructor(options: IgdOptions) {
    this.#options = options;
  }

  answer(client: IpAddress, request: LanHttpRequest, now: Instant): LanHttpAnswer {
    const { igd, uuid } = this.#options;
    if (request.method === 'GET') {
      if (request.path !== DESCRIPTION_PATH) return { status: 404, body: '' };
      return { status: 200, body: igdDescription(igd, uuid) };
    }
    if (request.path !== CONTROL_PATH) return { status: 404, body: '' };
    const header = Object.entries(request.headers).find(
      ([name]) => name.toLowerCase() === 'soapaction',
    );
    const action = parseSoapAction(header?.[1] ?? '', request.body);
    if (action === undefined) return fault(402);
    const result =
      action.service === connectionService(igd) ? this.#perform(client, action, now) : 401;
    return typeof result === 'number'
      ? fault(result)
      : { status: 200, body: soapAnswer(action, result) };
  }

  #perform(client: IpAddress, action: SoapAction, now: Instant): Values | FaultCode {
    const { outside, igd } = this.#options;
    switch (action.name) {
      case 'GetExternalIPAddress':
        return { NewExternalIPAddress: outside() ?? '' };
      case 'GetStatusInfo':
        return {
          NewConnectionStatus: 'Connected',
          NewLastConnectionError: 'ERROR_NONE',
          NewUptime: String(this.#options.epochSeconds(now)),
        };
      case 'AddPortMapping':
        return this.#add(client, action, false, now);
      case 'AddAnyPortMapping':
        return igd === 2 ? this.#add(client, action, true, now) : 401;
      case 'DeletePortMapping':
        return this.#delete(client, action, now);
      case 'GetSpecificPortMappingEntry': {
        const mapping = this.#named(action, now);
        return mapping === undefined ? 714 : this.#describe(mapping, now);
      }
      case 'GetGenericPortMappingEntry': {
        const index = Number(action.arguments['NewPortMappingIndex']);
        const mapping = this.#options.mappings.list(now)[index];
        if (mapping === undefined) return 713;
        return {
          NewRemoteHost: '',
          NewExternalPort: String(mapping.externalPort),
          NewProtocol: mapping.transport.toUpperCase(),
          ...this.#describe(mapping, now),
        };
      }
      default:
        return 401;
    }
  }

  #add(client: IpAddress, action: SoapAction, any: boolean, now: Instant): Values | FaultCode {
    const { mappings, outside, permanentOnly } = this.#options;
    const args = action.arguments;
    const transport = transportOf(args['NewProtocol']);
    const internalPort = portOf(args['NewInternalPort']);
    const wanted = portOf(args['NewExternalPort']);
    if (transport === undefined || internalPort === undefined || wanted === undefined) return 402;
    if (internalPort === 0) return 402;
    if (wanted === 0 && !any) return 716;
    if (args['NewInternalClient'] !== client) return 606;
    const lease = Number(args['NewLeaseDuration'] ?? '0');
    if (!Number.isInteger(lease) || lease < 0) return 402;
    if (permanentOnly && lease !== 0) return 725;
    if (outside() === undefined) return 501;
    const isLow = internalPort < PORT_MIN || (wanted !== 0 && wanted < PORT_MIN);
    if (isLow) return 606;
    const inner = endpoint(client, internalPort);
    const free = freePort(mappings, transport, inner, wanted, now);
    if (free === undefined) return 728;
    if (!any && free !== wanted) return 718;
    const mapping: GrantedMapping = {
      transport,
      externalPort: free,
      inner,
      expiresAt: this.#expiry(lease, now),
      by: 'upnp',
      nonce: undefined,
      description: args['NewPortMappingDescription'] ?? '',
    };
    if (!mappings.grant(mapping, now)) return any ? 728 : 501;
    return any ? { NewReservedPort: String(free) } : {};
  }

  #expiry(lease: number, now: Instant): Instant {
    if (lease === 0 && this.#options.igd === 1) return FOR_EVER;
    const seconds = lease === 0 ? LEASE_MAX_SECONDS : Math.min(lease, LEASE_MAX_SECONDS);
    return after(now, seconds * 1000);
  }

  #delete(client: IpAddress, action: SoapAction, now: Instant): Values | FaultCode {
    const mapping = this.#named(action, now);
    if (mapping === undefined) return 714;
    if (endpointAddress(mapping.inner) !== client) return this.#options.igd === 2 ? 606 : 714;
    this.#options.mappings.revoke(mapping);
    return {};
  }

  #named(action: SoapAction, now: Instant): GrantedMapping | undefined {
    const transport = transportOf(action.arguments['NewProtocol']);
    const port = portOf(action.arguments['NewExternalPort']);
    if (transport === undefined || port === undefined) return undefined;
    return this.#options.mappings.at(transport, port, now);
  }

  #describe({ inner, description, expiresAt }: GrantedMapping, now: Instant): Values {
    const left = Number.isFinite(expiresAt) ? Math.ceil((expiresAt - now) / 1000) : 0;
    return {
      NewInternalPort: String(endpointPort(inner)),
      NewInternalClient: endpointAddress(inner),
      NewEnabled: '1',
      NewPortMappingDescription: description,
      NewLeaseDuration: String(left),
    };
  }
}

/** Upper case alone, as strict routers want it. */
function transportOf(text: string | undefined): Transport | undefined {
  if (text === 'UDP') return 'udp';
  return text === 'TCP' ? 'tcp' : undefined;
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port > 65_535 ? undefined : port;
}

function fault(code: FaultCode): LanHttpAnswer {
  return { status: 500, body: soapFault(code, FAULTS[code]) };
}
