/**
 * The peers while a response is applied: by id, with the keys and addresses that are taken.
 *
 * Two peers never share a node key or an address, and none has ours: the first keeps it, the other is
 * dropped and counted, because packets are told apart by exactly these.
 */
import type { Counters } from '../base/counters.js';
import { isDefaultRoute, type Prefix } from '../ip/prefix.js';
import type { NodeKey } from '../keys/keys.js';
import { peersMax } from './limits.js';
import { believedRoutes } from './routes.js';
import type { NetmapNode } from './types.js';

export class PeerTable {
  readonly #self: NetmapNode;
  readonly #acceptRoutes: boolean;
  readonly #counters: Counters;
  readonly #byId = new Map<number, NetmapNode>();
  readonly #idByKey = new Map<NodeKey, number>();
  readonly #idByAddress = new Map<Prefix, number>();

  constructor(self: NetmapNode, acceptRoutes: boolean, counters: Counters) {
    this.#self = self;
    this.#acceptRoutes = acceptRoutes;
    this.#counters = counters;
    this.#idByKey.set(self.key, self.id);
    for (const address of self.addresses) this.#idByAddress.set(address, self.id);
  }

  get(id: number): NetmapNode | undefined {
    return this.#byId.get(id);
  }

  /** Puts a peer back that an earlier table of the same self already judged. */
  keep(peer: NetmapNode): void {
    this.#insert(peer);
  }

  /** Takes the peer out; true when it was there. */
  remove(id: number): boolean {
    const peer = this.#byId.get(id);
    if (peer === undefined) return false;
    this.#byId.delete(id);
    this.#idByKey.delete(peer.key);
    for (const address of peer.addresses) this.#idByAddress.delete(address);
    return true;
  }

  /** Puts a peer in, in place of the one with its id. False: refused and counted, the old one is gone too. */
  put(peer: NetmapNode): boolean {
    this.remove(peer.id);
    const refusal = this.#refusal(peer);
    if (refusal !== undefined) {
      this.#counters.add(refusal);
      return false;
    }
    const allowedIps = believedRoutes(
      peer,
      this.#self.addresses,
      this.#acceptRoutes,
      this.#counters,
    );
    // A peer that is judged again has lost them from its AllowedIPs.
    const offered = peer.allowedIps.filter(isDefaultRoute);
    this.#insert({ ...peer, allowedIps, ...(offered.length === 0 ? {} : { exitRoutes: offered }) });
    return true;
  }

  /** True when another node, or we ourselves, hold `key`. */
  isKeyTaken(key: NodeKey, exceptId: number): boolean {
    const holder = this.#idByKey.get(key);
    return holder !== undefined && holder !== exceptId;
  }

  /** The peers by ascending id; the caller owns the map. */
  snapshot(): Map<number, NetmapNode> {
    return new Map([...this.#byId].sort(([a], [b]) => a - b));
  }

  #insert(peer: NetmapNode): void {
    this.#byId.set(peer.id, peer);
    this.#idByKey.set(peer.key, peer.id);
    for (const address of peer.addresses) this.#idByAddress.set(address, peer.id);
  }

  #refusal(peer: NetmapNode): string | undefined {
    if (peer.id === this.#self.id || peer.key === this.#self.key) return 'netmap-peer-is-self';
    if (this.#byId.size >= peersMax) return 'netmap-peers-over-limit';
    if (this.#idByKey.has(peer.key)) return 'netmap-peer-key-taken';
    return peer.addresses.some((address) => this.#idByAddress.has(address))
      ? 'netmap-peer-address-taken'
      : undefined;
  }
}
