/**
 * No path is moved by a stranger: a node only ever sends a peer's data to endpoints from which that very
 * peer's datagrams have reached it, or at which the internet has seen that peer. The world knows who really
 * sent a datagram, whatever its source says.
 */
import type { DownMessage } from '@warren/core/engines/messages';
import { type Endpoint, endpoint, endpointAddress, endpointPort } from '@warren/core/ip/address';
import type { Datagram } from '../net/datagram.js';
import { extractIpv4 } from '../net/nat64.js';
import type { SimNode } from '../node/sim-node.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Breaks, Checker } from './checker.js';

const NAME = 'proven-path';
/** Public addresses mean the same to everybody. */
const ANYWHERE = 'internet';

export class ProvenPathChecker implements Checker {
  readonly #world: SimWorld;
  readonly #breaks: Breaks;
  /** By receiver, then by source: the machines that really sent from there. */
  readonly #seen = new Map<string, Map<Endpoint, Set<string>>>();

  constructor(world: SimWorld, breaks: Breaks) {
    this.#world = world;
    this.#breaks = breaks;
    // A copy may come before the original: what counts is whose address it is.
    world.internet.taps.add(({ source, origin }) => this.#note(ANYWHERE, source, origin));
  }

  onDatagram(receiver: SimNode, { source, origin }: Datagram): void {
    this.#note(receiver.name, source, origin);
  }

  #note(where: string, source: Endpoint, origin: string): void {
    const sources = this.#seen.get(where) ?? new Map<Endpoint, Set<string>>();
    this.#seen.set(where, sources);
    const origins = sources.get(source);
    if (origins === undefined) sources.set(source, new Set([origin]));
    else origins.add(origin);
  }

  onDown(node: SimNode, message: DownMessage): void {
    if (message.type !== 'set-paths') return;
    const peer = this.#world.nodes.find(({ key }) => key === message.peer);
    for (const path of message.paths) {
      if (path.kind !== 'direct') continue;
      const origins = this.#seen.get(node.name)?.get(path.remote);
      const seen = this.#seen.get(ANYWHERE)?.get(asOnTheInternet(path.remote));
      if (peer !== undefined && origins?.has(peer.name) === true) continue;
      if (peer !== undefined && seen?.has(peer.name) === true) continue;
      const who = origins === undefined ? 'nobody' : [...origins].join(', ');
      const whom = peer?.name ?? 'a peer that does not exist';
      this.#breaks.add(
        NAME,
        `${node.name} sends data for ${whom} to ${path.remote}, where it heard ${who}`,
      );
    }
  }
}

/** Where a NAT64 stands in between, the internet knows the endpoint by its IPv4 address. */
function asOnTheInternet(remote: Endpoint): Endpoint {
  const ipv4 = extractIpv4(endpointAddress(remote));
  return ipv4 === undefined ? remote : endpoint(ipv4, endpointPort(remote));
}
