/**
 * The peers of the network map, and what a new map changes: only differences go to the PacketEngine and to
 * the path machines.
 *
 * A peer with disco has a path machine. A plain WireGuard peer has none: its path is its first endpoint,
 * then wherever the PacketEngine saw it move. A peer whose key expired is treated as not there.
 */
import type { Instant } from '../base/instant.js';
import { type DirectPath, type RegionId, samePath } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { Netmap, NetmapNode } from '../netmap/types.js';
import type { PeerPath } from '../paths/peer-path.js';
import type { PeerPathInput } from '../paths/peer-path-io.js';
import type { DiscoContact, DiscoContacts } from './disco-contacts.js';
import type { EngineOutputs } from './outputs.js';
import { PeerRegion } from './peer-region.js';
import type { RelayLinks } from './relay-links.js';

/** Of peers that control wants kept open: under the 30 s of the shortest UDP mappings, as WireGuard advises. */
export const peerKeepaliveMs = 25_000;

export interface Peer {
  readonly key: NodeKey;
  node: NetmapNode;
  /** Undefined: plain WireGuard. */
  readonly machine: PeerPath | undefined;
  /** The path of a plain peer. */
  plainPath: DirectPath | undefined;
  contact: DiscoContact | undefined;
  readonly region: PeerRegion;
}

export interface PeersOptions {
  readonly ownKey: NodeKey;
  readonly outputs: EngineOutputs;
  readonly contacts: DiscoContacts;
  readonly links: RelayLinks;
  readonly newMachine: () => PeerPath;
  /** Gives the machine of `peer` an input and carries out what it says. */
  readonly drive: (peer: Peer, input: PeerPathInput, now: Instant) => void;
  /** Usable paths to endpoints from our sockets, refusals counted. */
  readonly pathsTo: (endpoints: readonly Endpoint[]) => DirectPath[];
  /** The path of a plain peer changed. */
  readonly plainMoved: (
    peer: Peer,
    from: DirectPath | undefined,
    cause: string,
    now: Instant,
  ) => void;
  readonly added: (peer: Peer) => void;
  readonly removed: (peer: Peer, now: Instant) => void;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<NodeKey, Peer>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#peers.size;
  }

  get(key: NodeKey): Peer | undefined {
    return this.#peers.get(key);
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#peers.values();
  }

  /** Brings all peers to the state of `netmap`. */
  apply(netmap: Netmap, now: Instant): void {
    const wanted = new Map<NodeKey, NetmapNode>();
    for (const node of netmap.peers.values()) {
      if (!node.expired && node.key !== this.#options.ownKey) wanted.set(node.key, node);
    }
    for (const peer of [...this.#peers.values()]) {
      const node = wanted.get(peer.key);
      const plain = peer.machine === undefined;
      if (node === undefined || node.isWireGuardOnly !== plain) this.#remove(peer, now);
    }
    for (const node of wanted.values()) {
      const peer = this.#peers.get(node.key);
      if (peer === undefined) this.#add(node, now);
      else this.#update(peer, node, now);
    }
  }

  /** Removes all peers. */
  clear(now: Instant): void {
    for (const peer of [...this.#peers.values()]) this.#remove(peer, now);
  }

  /** Our sockets or addresses changed, and with them which endpoints can be used. */
  refreshCandidates(now: Instant): void {
    for (const peer of this.#peers.values()) {
      // A plain peer may have moved away from its endpoints by now.
      if (peer.plainPath === undefined) this.#setEndpoints(peer, now);
    }
  }

  /** A frame of the peer came from a region. */
  heard(peer: Peer, regionId: RegionId, now: Instant): void {
    if (peer.region.heard(regionId)) this.#route(peer, now);
  }

  /** The relay of `regionId` has no such client. */
  gone(peer: Peer, regionId: RegionId, now: Instant): void {
    peer.region.gone(regionId, now);
    this.#route(peer, now);
  }

  /** Regions were connected or lost: who is reached through them may be reached better otherwise. */
  reroute(now: Instant): void {
    for (const peer of this.#peers.values()) this.#route(peer, now);
  }

  /** The PacketEngine saw a plain peer at another address. */
  roamed(peer: Peer, path: DirectPath, now: Instant): void {
    if (peer.machine === undefined) this.#movePlain(peer, path, 'roamed', now);
  }

  #add(node: NetmapNode, now: Instant): void {
    const peer: Peer = {
      key: node.key,
      node,
      machine: node.isWireGuardOnly ? undefined : this.#options.newMachine(),
      plainPath: undefined,
      contact: undefined,
      region: new PeerRegion(this.#options.links),
    };
    this.#peers.set(node.key, peer);
    this.#options.added(peer);
    this.#setPeer(node);
    this.#setContact(peer, now);
    this.#route(peer, now);
    this.#setEndpoints(peer, now);
  }

  #update(peer: Peer, node: NetmapNode, now: Instant): void {
    const old = peer.node;
    peer.node = node;
    if (old === node) return;
    const sameSettings = old.keepAlive === node.keepAlive && old.isJailed === node.isJailed;
    if (!sameSettings || !sameList(old.allowedIps, node.allowedIps)) this.#setPeer(node);
    if (old.discoKey !== node.discoKey) this.#setContact(peer, now);
    this.#route(peer, now);
    if (!sameList(old.endpoints, node.endpoints)) this.#setEndpoints(peer, now);
  }

  #remove(peer: Peer, now: Instant): void {
    this.#options.outputs.down({ type: 'remove-peer', peer: peer.key });
    this.#options.drive(peer, { type: 'removed' }, now);
    if (peer.plainPath !== undefined) {
      const from = peer.plainPath;
      peer.plainPath = undefined;
      this.#options.plainMoved(peer, from, 'netmap', now);
    }
    if (peer.contact !== undefined) this.#options.contacts.remove(peer.contact, peer.key);
    this.#peers.delete(peer.key);
    this.#options.removed(peer, now);
  }

  #setPeer(node: NetmapNode): void {
    this.#options.outputs.down({
      type: 'set-peer',
      peer: node.key,
      allowedIps: node.allowedIps,
      keepaliveMs: node.keepAlive === true ? peerKeepaliveMs : 0,
      followsSource: node.isWireGuardOnly,
      ...(node.isJailed === true ? { isJailed: true } : {}),
    });
  }

  #setContact(peer: Peer, now: Instant): void {
    if (peer.machine === undefined) return;
    const before = peer.contact;
    if (before !== undefined) this.#options.contacts.remove(before, peer.key);
    peer.contact = this.#options.contacts.add(peer.node.discoKey, peer.key);
    const canPing = peer.contact !== undefined;
    if (canPing !== (before !== undefined)) {
      this.#options.drive(peer, { type: 'can-ping', canPing }, now);
    }
    if (before !== undefined) {
      // A new key is a new process: nothing that the old one answered holds.
      this.#options.drive(peer, { type: 'reset', cause: 'disco-key-changed' }, now);
      if (canPing) this.#options.outputs.down({ type: 'peer-restarted', peer: peer.key });
    }
  }

  #route(peer: Peer, now: Instant): void {
    if (peer.machine === undefined) return;
    const regionId = peer.region.choose(peer.node.homeRegion, now);
    this.#options.drive(peer, { type: 'relay', regionId }, now);
  }

  #setEndpoints(peer: Peer, now: Instant): void {
    const paths = this.#options.pathsTo(peer.node.endpoints);
    if (peer.machine !== undefined) {
      this.#options.drive(peer, { type: 'map-endpoints', paths }, now);
    } else if (paths[0] !== undefined) {
      this.#movePlain(peer, paths[0], 'netmap', now);
    }
  }

  #movePlain(peer: Peer, path: DirectPath, cause: string, now: Instant): void {
    const from = peer.plainPath;
    if (from !== undefined && samePath(from, path)) return;
    peer.plainPath = path;
    if (cause !== 'roamed') {
      this.#options.outputs.down({ type: 'set-paths', peer: peer.key, paths: [path] });
    }
    this.#options.plainMoved(peer, from, cause, now);
  }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
