/**
 * Who carries which route. Several nodes may serve the same prefix; WireGuard knows one peer for it, so one of them is
 * primary and the others wait.
 *
 *     the primary stays while it is online and healthy: one that comes back takes nothing away
 *     else the healthy online node with the lowest id follows
 *     else, while all are ill, the one there is keeps it if it still serves it; else the lowest id that is online
 *     nobody online: the last one keeps it, so that a server that restarts moves nothing
 *
 * Exit routes have no primary: whoever uses an exit node chooses it.
 *
 * Every change is told as the nodes whose views it changes; a change of one node costs its own routes.
 */
import { isDefaultRoute, type Prefix } from '../../ip/prefix.js';
import type { NodeId } from './state.js';

export interface RouteServer {
  /** Served routes, as served-routes.ts tells them. */
  readonly routes: readonly Prefix[];
  readonly isOnline: boolean;
  /** False: it is connected to us, and did not answer when it was asked. */
  readonly isHealthy: boolean;
}

interface Candidates {
  primary: NodeId | undefined;
  readonly nodes: Set<NodeId>;
}

const NO_ROUTES: readonly Prefix[] = [];

export class PrimaryRoutes {
  readonly #servers = new Map<NodeId, RouteServer>();
  readonly #candidates = new Map<Prefix, Candidates>();
  /** By primary; lists keep their identity while they hold. */
  readonly #carried = new Map<NodeId, readonly Prefix[]>();

  /** Routes that the node is primary for, sorted; the same array until that changes. */
  carriedBy(node: NodeId): readonly Prefix[] {
    return this.#carried.get(node) ?? NO_ROUTES;
  }

  primaryOf(route: Prefix): NodeId | undefined {
    return this.#candidates.get(route)?.primary;
  }

  /** Nodes online that could take a route from each other: those are worth asking whether they work. */
  rivals(): ReadonlySet<NodeId> {
    const rivals = new Set<NodeId>();
    for (const { nodes } of this.#candidates.values()) {
      const online = [...nodes].filter((node) => this.#servers.get(node)?.isOnline === true);
      if (online.length > 1) for (const node of online) rivals.add(node);
    }
    return rivals;
  }

  /** What is so now of a node; answers the nodes whose carried routes changed. */
  set(node: NodeId, server: RouteServer): ReadonlySet<NodeId> {
    const routes = server.routes.filter((route) => !isDefaultRoute(route));
    const before = this.#servers.get(node)?.routes ?? NO_ROUTES;
    if (routes.length === 0) this.#servers.delete(node);
    else this.#servers.set(node, { ...server, routes });
    const wanted = new Set(routes);
    for (const route of before) {
      if (!wanted.has(route)) this.#candidates.get(route)?.nodes.delete(node);
    }
    for (const route of wanted) this.#candidatesFor(route).nodes.add(node);
    return this.#elect(new Set([...before, ...wanted]));
  }

  /** The node left the network; as {@link set} with no routes. */
  forget(node: NodeId): ReadonlySet<NodeId> {
    return this.set(node, { routes: NO_ROUTES, isOnline: false, isHealthy: false });
  }

  #candidatesFor(route: Prefix): Candidates {
    let candidates = this.#candidates.get(route);
    if (candidates === undefined) {
      candidates = { primary: undefined, nodes: new Set() };
      this.#candidates.set(route, candidates);
    }
    return candidates;
  }

  #elect(routes: ReadonlySet<Prefix>): ReadonlySet<NodeId> {
    const touched = new Map<NodeId, Set<Prefix>>();
    const carriedOf = (node: NodeId): Set<Prefix> => {
      const carried = touched.get(node) ?? new Set(this.carriedBy(node));
      touched.set(node, carried);
      return carried;
    };
    for (const route of routes) {
      const candidates = this.#candidates.get(route);
      if (candidates === undefined) continue;
      const { primary } = candidates;
      const next = this.#best(candidates);
      if (candidates.nodes.size === 0) this.#candidates.delete(route);
      if (next === primary) continue;
      candidates.primary = next;
      if (primary !== undefined) carriedOf(primary).delete(route);
      if (next !== undefined) carriedOf(next).add(route);
    }
    for (const [node, carried] of touched) {
      if (carried.size === 0) this.#carried.delete(node);
      else this.#carried.set(node, [...carried].sort());
    }
    return new Set(touched.keys());
  }

  #best({ primary, nodes }: Candidates): NodeId | undefined {
    const isOnline = (node: NodeId): boolean => this.#servers.get(node)?.isOnline === true;
    const works = (node: NodeId): boolean =>
      isOnline(node) && this.#servers.get(node)?.isHealthy === true;
    const kept = primary !== undefined && nodes.has(primary) ? primary : undefined;
    if (kept !== undefined && works(kept)) return kept;
    return (
      lowest(nodes, works) ??
      (kept !== undefined && isOnline(kept) ? kept : undefined) ??
      lowest(nodes, isOnline) ??
      kept ??
      lowest(nodes, () => true)
    );
  }
}

function lowest(nodes: ReadonlySet<NodeId>, is: (node: NodeId) => boolean): NodeId | undefined {
  let found: NodeId | undefined;
  for (const node of nodes) {
    if (is(node) && (found === undefined || node < found)) found = node;
  }
  return found;
}
