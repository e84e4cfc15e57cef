/**
 * Which routes of peers this node uses: subnets when it accepts them, default routes of the exit node that a person
 * chose, and never what belongs to the machine itself.
 *
 *     a subnet                               used with `acceptRoutes`, unless it lies inside a network that the
 *                                            machine stands in, or one that it announces itself
 *     default routes of the chosen node      used; of others never
 *     a family that the exit node lacks,
 *     an exit node that is not there         blocked: who chose an exit node doesn't want to go out without it
 *
 * The netmap that comes out is what the engines take: a peer's AllowedIPs are what goes to it and comes from it.
 */
import { parseAddress } from '../ip/address.js';
import { type Prefix, prefixAddress, prefixBits, prefixContains } from '../ip/prefix.js';
import type { Netmap, NetmapNode } from './types.js';

export interface RouteChoice {
  readonly acceptRoutes: boolean;
  /** Stable id, address or name of a peer; empty: none. */
  readonly exitNode: string;
  /** Networks that the machine is directly connected to. */
  readonly ownNetworks: readonly Prefix[];
  /** What we announce. */
  readonly announced: readonly Prefix[];
}

/** What becomes of what no other route takes. */
export interface ExitUse {
  /** Undefined: the network has no such node, or it is no exit node. */
  readonly node: NetmapNode | undefined;
  /** Families that it takes; the other is blocked. */
  readonly v4: boolean;
  readonly v6: boolean;
}

export interface ChosenRoutes {
  /** With AllowedIPs as they are used. */
  readonly netmap: Netmap;
  /** Subnets that lead into the tunnel, each once, sorted. */
  readonly subnets: readonly Prefix[];
  /** Subnets that peers offer and that stay with the machine. */
  readonly own: readonly Prefix[];
  /** Undefined: no exit node is wanted. */
  readonly exit: ExitUse | undefined;
}

const isInside = (outer: readonly Prefix[], route: Prefix): boolean =>
  outer.some(
    (prefix) =>
      prefixBits(prefix) <= prefixBits(route) && prefixContains(prefix, prefixAddress(route)),
  );

/** Subnets of a peer: what it takes beside its own addresses. */
export function subnetsOf(peer: NetmapNode): readonly Prefix[] {
  if (peer.allowedIps.length === peer.addresses.length) return [];
  const hosts = new Set(peer.addresses);
  return peer.allowedIps.filter((route) => !hosts.has(route));
}

/** The peer that `wanted` names: by its stable id, an address, its name or the first label of that. */
export function findExitNode(netmap: Netmap, wanted: string): NetmapNode | undefined {
  if (wanted === '') return undefined;
  const peers = [...netmap.peers.values()];
  const address = parseAddress(wanted);
  const name = wanted.toLowerCase().replace(/\.$/, '');
  const nameOf = (peer: NetmapNode): string => peer.name.toLowerCase().replace(/\.$/, '');
  return (
    peers.find(({ stableId }) => stableId === wanted) ??
    peers.find((peer) => peer.addresses.some((own) => prefixAddress(own) === address)) ??
    peers.find((peer) => nameOf(peer) === name) ??
    peers.find((peer) => nameOf(peer).split('.')[0] === name)
  );
}

export function chooseRoutes(netmap: Netmap, choice: RouteChoice): ChosenRoutes {
  const { acceptRoutes, ownNetworks } = choice;
  // An exit node announces everything, and uses others' subnets all the same.
  const announced = choice.announced.filter((route) => prefixBits(route) > 0);
  const exitNode = findExitNode(netmap, choice.exitNode);
  const subnets = new Set<Prefix>();
  const own = new Set<Prefix>();
  const peers = new Map<number, NetmapNode>();
  for (const [id, peer] of netmap.peers) {
    const offered = subnetsOf(peer);
    const used = offered.filter((route) => {
      if (!acceptRoutes) return false;
      const isOwn = isInside(ownNetworks, route) || isInside(announced, route);
      (isOwn ? own : subnets).add(route);
      return !isOwn;
    });
    const defaults = peer === exitNode ? (peer.exitRoutes ?? []) : [];
    const isAsStated = used.length === offered.length && defaults.length === 0;
    // The same object is no change to the engines.
    peers.set(
      id,
      isAsStated ? peer : { ...peer, allowedIps: [...peer.addresses, ...used, ...defaults] },
    );
  }
  const defaults = exitNode?.exitRoutes ?? [];
  return {
    netmap: { ...netmap, peers },
    subnets: [...subnets].sort(),
    own: [...own].sort(),
    exit:
      choice.exitNode === ''
        ? undefined
        : {
            node: defaults.length === 0 ? undefined : exitNode,
            v4: defaults.includes('0.0.0.0/0' as Prefix),
            v6: defaults.includes('::/0' as Prefix),
          },
  };
}
