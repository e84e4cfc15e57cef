/**
 * The routes of one tailnet's nodes: what each announces, what of that is approved, who carries it.
 *
 * Answers every change with the other nodes that lead elsewhere now; those alone are shown anew.
 */
import { isDefaultRoute, type Prefix } from '../../ip/prefix.js';
import { PrimaryRoutes } from './primary-routes.js';
import { announcedRoutes, servedRoutes } from './served-routes.js';
import type { NodeId, NodeRecord } from './state.js';

export interface NodeRoutes {
  /** Announced and approved. */
  readonly served: readonly Prefix[];
  /** Those of them that packets for them go to; exit routes are nobody's alone. */
  readonly carried: readonly Prefix[];
}

export const NO_NODE_ROUTES: NodeRoutes = { served: [], carried: [] };

export type RoutesOf = (node: NodeId) => NodeRoutes;

/** Says whether the policy approves a route that a node announces. */
export type AutoApproves = (node: NodeRecord, route: Prefix) => boolean;

interface Entry {
  readonly record: NodeRecord;
  readonly served: readonly Prefix[];
  readonly isOnline: boolean;
}

const NOBODY: ReadonlySet<NodeId> = new Set();

export class RouteBook {
  readonly #primaries = new PrimaryRoutes();
  /** Nodes that announce something. */
  readonly #entries = new Map<NodeId, Entry>();
  /** Did not answer when they were asked. */
  readonly #ill = new Set<NodeId>();
  #autoApproves: AutoApproves;

  constructor(autoApproves: AutoApproves) {
    this.#autoApproves = autoApproves;
  }

  /** Nodes online that could take a route from each other. */
  rivals(): ReadonlySet<NodeId> {
    return this.#primaries.rivals();
  }

  routesOf(node: NodeId): NodeRoutes {
    const served = this.#entries.get(node)?.served;
    if (served === undefined) return NO_NODE_ROUTES;
    return { served, carried: this.#primaries.carriedBy(node) };
  }

  /** What is so now of a node. Answers the others that carry something else by it. */
  put(record: NodeRecord, isOnline: boolean): ReadonlySet<NodeId> {
    const announced = announcedRoutes(record.hostInfo);
    if (announced.length === 0) return this.remove(record.id);
    const isAuto = (route: Prefix): boolean => this.#autoApproves(record, route);
    const served = servedRoutes(announced, record.approvedRoutes, isAuto);
    const old = this.#entries.get(record.id)?.served;
    const kept = old !== undefined && sameRoutes(old, served) ? old : served;
    this.#entries.set(record.id, { record, served: kept, isOnline });
    return without(this.#elect(record.id), record.id);
  }

  remove(id: NodeId): ReadonlySet<NodeId> {
    if (!this.#entries.delete(id)) return NOBODY;
    this.#ill.delete(id);
    return without(this.#primaries.forget(id), id);
  }

  /** What came of asking a node. Answers those that carry something else by it, itself perhaps too. */
  setHealth(id: NodeId, isHealthy: boolean): ReadonlySet<NodeId> {
    if (!this.#entries.has(id)) return NOBODY;
    if (isHealthy) this.#ill.delete(id);
    else this.#ill.add(id);
    return this.#elect(id);
  }

  /** Another policy approves otherwise. Answers all nodes whose routes changed. */
  setApproval(autoApproves: AutoApproves): ReadonlySet<NodeId> {
    this.#autoApproves = autoApproves;
    const changed = new Set<NodeId>();
    for (const [id, { record, served, isOnline }] of [...this.#entries]) {
      for (const other of this.put(record, isOnline)) changed.add(other);
      if (this.#entries.get(id)?.served !== served) changed.add(id);
    }
    return changed;
  }

  #elect(id: NodeId): ReadonlySet<NodeId> {
    const { served = [], isOnline = false } = this.#entries.get(id) ?? {};
    return this.#primaries.set(id, { routes: served, isOnline, isHealthy: !this.#ill.has(id) });
  }
}

/** Where the peers of a node may send what is not for itself. */
export function leadsTo({ served, carried }: NodeRoutes): readonly Prefix[] {
  if (served.length === 0) return served;
  return [...carried, ...served.filter(isDefaultRoute)];
}

function without(nodes: ReadonlySet<NodeId>, id: NodeId): ReadonlySet<NodeId> {
  if (!nodes.has(id)) return nodes;
  return new Set([...nodes].filter((node) => node !== id));
}

function sameRoutes(one: readonly Prefix[], other: readonly Prefix[]): boolean {
  return one.length === other.length && one.every((route, index) => route === other[index]);
}
