/** The first message to a client that told what it holds: what differs from that, and nothing else. */
import type { ViewHead } from '../../netmap/diff.js';
import { HEAD_PARTS, type MapTags } from '../../netmap/map-tags.js';
import type { WireHeadPart, WireMapResponse, WireMapTags, WireNode } from '../../netmap/wire.js';
import type { PartTags } from './part-tags.js';
import type { PublishedNetwork } from './published-network.js';
import type { NodeId } from './state.js';

/** True when it is worth looking at what differs: it holds a map of itself. */
export function canResume(held: MapTags | undefined): held is MapTags {
  return held?.head.has('Node') === true;
}

/** Tags of peers as `viewer` knows them. */
function peerTags(
  peers: readonly WireNode[],
  network: PublishedNetwork,
  tags: PartTags,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    peers.map((peer) => [peer.ID, tags.ofPeer(peer, network.user(peer.User))]),
  );
}

/** The tags that go with a message which states these peers and the parts of the head that it names. */
export function tagsOf(
  response: WireMapResponse,
  peers: readonly WireNode[],
  head: ViewHead,
  network: PublishedNetwork,
  tags: PartTags,
): WireMapTags {
  const stated = HEAD_PARTS.filter((part) => response[part] !== undefined);
  const all = stated.length === 0 ? undefined : tags.ofHead(head);
  const given = stated.flatMap((part) => {
    const tag = all?.get(part);
    return tag === undefined ? [] : [[part, tag] as const];
  });
  return {
    ...(given.length === 0 ? {} : { Head: Object.fromEntries(given) }),
    ...(peers.length === 0 ? {} : { Peers: peerTags(peers, network, tags) }),
  };
}

/** What leads a client from what it holds to what is so. */
export function resumedResponse(
  viewer: NodeId,
  held: MapTags,
  head: ViewHead,
  network: PublishedNetwork,
  tags: PartTags,
): WireMapResponse {
  const now = new Map(network.peers(viewer));
  now.delete(viewer);
  const changed = [...now.values()].filter(
    (peer) => held.peers.get(peer.ID) !== tags.ofPeer(peer, network.user(peer.User)),
  );
  const removed = [...held.peers.keys()].filter((id) => !now.has(id));
  const own = tags.ofHead(head);
  const isOther = (part: WireHeadPart): boolean => own.get(part) !== held.head.get(part);
  const users = new Set(changed.map(({ User }) => User));
  if (isOther('Node')) users.add(head.node.User);
  const response: WireMapResponse = {
    WarrenResumed: true,
    ...(isOther('Node') ? { Node: head.node } : {}),
    ...(isOther('DERPMap') ? { DERPMap: head.relayMap } : {}),
    ...(isOther('DNSConfig') ? { DNSConfig: head.dnsConfig, Domain: head.domain } : {}),
    ...(isOther('PacketFilters') ? { PacketFilters: head.packetFilters } : {}),
    ...(isOther('SSHPolicy') ? { SSHPolicy: head.sshPolicy ?? { rules: [] } } : {}),
    ...(users.size === 0 ? {} : { UserProfiles: [...users].map((id) => network.user(id)) }),
    ...(changed.length === 0 ? {} : { PeersChanged: changed }),
    ...(removed.length === 0 ? {} : { PeersRemoved: removed }),
  };
  return { ...response, WarrenTags: tagsOf(response, changed, head, network, tags) };
}
