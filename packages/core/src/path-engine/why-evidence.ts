/** What the engine knows of a peer, as the evidence that `why` reasons from. Pure. */
import type { Instant } from '../base/instant.js';
import { prefixAddress } from '../ip/prefix.js';
import { EndpointType } from '../netmap/own.js';
import type { NetmapNode } from '../netmap/types.js';
import type { AttemptsEvidence, Evidence, OwnEndpointEvidence } from '../why/evidence.js';
import type { PathEngineStatus } from './io.js';
import { attemptsOf } from './peer-attempts.js';

/** WireGuard's sessions are renewed every two minutes, and die after three. */
const sessionMs = 180_000;

const TYPE_NAMES: Readonly<Record<EndpointType, OwnEndpointEvidence['type']>> = {
  [EndpointType.local]: 'local',
  [EndpointType.stun]: 'stun',
  [EndpointType.portmap]: 'portmap',
  [EndpointType.stunLocalPort]: 'stun-local-port',
  [EndpointType.static]: 'static',
};

export interface WhyContext {
  readonly status: PathEngineStatus;
  /** A check of the network has come to an end: the description is a finding. */
  readonly isMeasured: boolean;
  /** Of `PathEngine.attempts`; undefined: the engine has no such peer. */
  readonly attempts: AttemptsEvidence | undefined;
  readonly now: Instant;
}

export function whyEvidence(peer: NetmapNode, context: WhyContext): Evidence {
  const { status, isMeasured, now } = context;
  const { path, lastHandshakeAt, portMethod } =
    status.peers.find(({ peer: key }) => key === peer.key) ?? {};
  return {
    self: {
      nat: isMeasured ? status.description : undefined,
      endpoints: status.endpoints.map(({ endpoint, type, verified }) => ({
        endpoint,
        type: TYPE_NAMES[type],
        verified: verified === undefined ? undefined : verified !== 'no',
      })),
      hasRelay: status.relays.some(({ state }) => state === 'connected'),
    },
    peer: {
      name: nameOf(peer),
      nat: peer.nat,
      online: peer.online,
      expired: peer.expired,
      isPlain: peer.isWireGuardOnly,
      endpoints: peer.endpoints,
    },
    path,
    portMethod: path?.kind === 'direct' ? portMethod : undefined,
    hasSession: lastHandshakeAt !== undefined && now - lastHandshakeAt < sessionMs,
    attempts: context.attempts ?? attemptsOf(undefined, now),
  };
}

/** The first label of its name, else its address. */
function nameOf({ name, addresses }: NetmapNode): string {
  const [label = ''] = name.split('.', 1);
  const [address] = addresses;
  return label === '' && address !== undefined ? prefixAddress(address) : label;
}
