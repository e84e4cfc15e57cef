/**
 * Ports of our mappings towards peers, as their pongs told them: each is one more sample of what our NAT chooses, for
 * a destination that no server stands for.
 *
 * A peer can lie, so its word is bounded in what it may do: a port counts only at an address that STUN servers saw of
 * ours, a peer has one, and the ports together are believed only where several peers agree. What comes of it is a
 * guess of ours about our own ports; it makes nobody send anywhere else.
 *
 *     lies in one small range with what servers saw    a sample like those
 *     lies elsewhere, by two peers at least            there is no small range
 *     lies elsewhere, by one peer alone                not believed
 */
import { RecentMap } from '../base/recent-map.js';
import { type Endpoint, endpointAddress, endpointPort, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { rangePortsMax } from './port-plan.js';

/** Peers whose word is kept, the latest: twice as many as samples that make a range sure. */
export const pongPeersMax = 16;
/** Beyond one liar. */
const witnessesMin = 2;

export class PongPorts {
  /** Public addresses of ours, as STUN servers saw them. */
  #addresses: ReadonlySet<IpAddress> = new Set();
  /** The latest of a peer, the newest last. */
  readonly #ports = new RecentMap<NodeKey, number>(pongPeersMax);

  setAddresses(addresses: Iterable<IpAddress>): void {
    this.#addresses = new Set(addresses);
  }

  /** A peer's pong to a ping of ours said so. False: that is no address of ours. */
  note(peer: NodeKey, observed: Endpoint): boolean {
    if (!this.#addresses.has(endpointAddress(observed))) return false;
    this.#ports.set(peer, endpointPort(observed));
    return true;
  }

  forget(peer: NodeKey): void {
    this.#ports.delete(peer);
  }

  /** Another network gives others. */
  clear(): void {
    this.#ports.clear();
    this.#addresses = new Set();
  }

  /** Those that count beside the ports that servers saw. */
  beside(seen: readonly number[]): readonly number[] {
    // Alone they would be the word of peers and nothing else.
    if (seen.length === 0) return [];
    const ports = [...new Set(this.#ports.values())];
    const isNear = (port: number): boolean => spanOf([...seen, port]) < rangePortsMax;
    const near = ports.filter(isNear);
    const far = ports.filter((port) => !isNear(port));
    return far.length >= witnessesMin ? [...near, ...far] : near;
  }
}

function spanOf(ports: readonly number[]): number {
  return Math.max(...ports) - Math.min(...ports);
}
