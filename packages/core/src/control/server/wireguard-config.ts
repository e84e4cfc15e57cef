/**
 * The file that a plain WireGuard machine joins with, for wg-quick: its addresses, and each machine that the
 * policy shows it, with the endpoint at which strangers reach that one.
 *
 * A machine of Warren finds a way through NATs by talking; plain WireGuard can't. So it reaches those that have
 * an endpoint that was proven, mapped or configured, and, when it has an endpoint itself, is reached by all.
 */
import { type Endpoint, endpointAddress, familyOf } from '../../ip/address.js';
import { isLinkLocal, isLoopback, isOverlay, isPrivate } from '../../ip/classes.js';
import { hostPrefix, isDefaultRoute, parsePrefix } from '../../ip/prefix.js';
import { formatWireGuardKey } from '../../keys/wireguard-key.js';
import { decodeNat } from '../../netmap/nat-json.js';
import { EndpointType } from '../../netmap/own.js';
import type { WireNode } from '../../netmap/wire.js';
import { fullName } from './names.js';
import type { NodeRecord } from './state.js';

/** As WireGuard advises for whoever may sit behind a NAT: under the 30 s of the shortest UDP mappings. */
const keepaliveSeconds = 25;
/** Of Warren's interfaces; two ends of one size need no path MTU discovery between them. */
const mtuBytes = 1280;

/** The line that the owner completes. */
export const PRIVATE_KEY_LINE = 'PrivateKey = ';

/** A machine that the plain one sees. */
export interface ConfigPeer {
  readonly record: NodeRecord;
  /** As it is shown. */
  readonly shown: WireNode;
}

/** Where strangers reach a node, the best first; empty: nobody knows of such a place. */
export function reachableEndpoints(node: NodeRecord): readonly Endpoint[] {
  const proven = decodeNat(node.hostInfo['WarrenNat'])?.reachable ?? [];
  const told = node.endpoints.filter(({ endpoint, type }) => {
    if (type === EndpointType.static || type === EndpointType.portmap) return true;
    return type === EndpointType.local && isPublicV4(endpoint);
  });
  const all = new Set([...proven, ...told.map(({ endpoint }) => endpoint)]);
  const usable = [...all].filter((endpoint) => {
    const address = endpointAddress(endpoint);
    return !isLoopback(address) && !isLinkLocal(address) && !isOverlay(address);
  });
  // Networks without IPv6 are still many.
  return usable.sort((a, b) => familyOf(endpointAddress(a)) - familyOf(endpointAddress(b)));
}

/** No NAT stands before it; a firewall may, as often as before an IPv6 address, where it is the rule. */
function isPublicV4(endpoint: Endpoint): boolean {
  const address = endpointAddress(endpoint);
  return familyOf(address) === 4 && !isPrivate(address);
}

function peerLines(peer: ConfigPeer, name: string, canBeReached: boolean): readonly string[] {
  const [endpoint, ...others] = reachableEndpoints(peer.record);
  const allowed = peer.shown.AllowedIPs.filter((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && !isDefaultRoute(prefix);
  });
  return [
    '',
    `# ${name}${endpoint === undefined ? ', which comes to us' : ''}`,
    '[Peer]',
    `PublicKey = ${formatWireGuardKey(peer.record.nodeKey)}`,
    `AllowedIPs = ${allowed.join(', ')}`,
    ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
    ...others.map((other) => `# or: Endpoint = ${other}`),
    ...(canBeReached ? [] : [`PersistentKeepalive = ${keepaliveSeconds}`]),
  ];
}

/** The file of `node`, whose private key is still to be written into it. */
export function wireguardConfig(
  node: NodeRecord,
  peers: readonly ConfigPeer[],
  baseDomain: string,
): string {
  const nameOf = ({ label }: NodeRecord): string => fullName(label, baseDomain).replace(/\.$/, '');
  const [own] = node.endpoints;
  const canMeet = ({ record }: ConfigPeer): boolean =>
    own !== undefined || reachableEndpoints(record).length > 0;
  const met = peers.filter(canMeet);
  const missed = peers.filter((peer) => !canMeet(peer));
  return [
    `# ${nameOf(node)}, for wg-quick. It holds what is known now: when machines come, go or move, print it`,
    `# again with \`warren control nodes wireguard-config ${node.label}\`.`,
    '[Interface]',
    `# The private key of ${formatWireGuardKey(node.nodeKey)}; the hub does not know it.`,
    PRIVATE_KEY_LINE,
    `Address = ${hostPrefix(node.addresses.v4)}, ${hostPrefix(node.addresses.v6)}`,
    ...(own === undefined
      ? []
      : [`ListenPort = ${own.endpoint.slice(own.endpoint.lastIndexOf(':') + 1)}`]),
    `MTU = ${mtuBytes}`,
    ...met.flatMap((peer) => peerLines(peer, nameOf(peer.record), own !== undefined)),
    ...(missed.length === 0
      ? []
      : [
          '',
          '# Out of reach: no endpoint of these is proven, mapped or configured (--static-endpoint).',
          ...missed.map(({ record }) => `#   ${nameOf(record)}`),
        ]),
    '',
  ].join('\n');
}
