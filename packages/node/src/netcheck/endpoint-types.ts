/** How own endpoints are called in status and netcheck. */
import { EndpointType } from '@warren/core/netmap/own';
import type { EndpointStatus } from '../local-api/protocol.js';

const NAMES: Readonly<Record<EndpointType, EndpointStatus['type']>> = {
  [EndpointType.local]: 'local',
  [EndpointType.stun]: 'stun',
  [EndpointType.portmap]: 'portmap',
  [EndpointType.stunLocalPort]: 'stun-local-port',
  [EndpointType.static]: 'static',
};

export function endpointTypeName(type: EndpointType): EndpointStatus['type'] {
  return NAMES[type];
}
