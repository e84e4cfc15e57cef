/** The routes of all tailnets of a server, under their policies. */
import { autoApproves } from '../../policy/ownership.js';
import { accessNodeOf } from './access-node-of.js';
import type { Policies } from './rights.js';
import { NO_NODE_ROUTES, type NodeRoutes, RouteBook } from './route-book.js';
import type { ControlState, NodeId, NodeRecord, TailnetId } from './state.js';

export class NetworkRoutes {
  readonly #books = new Map<TailnetId, RouteBook>();
  /** Of nodes that announce, or announced, something. */
  readonly #homes = new Map<NodeId, RouteBook>();
  #state: ControlState;
  #policies: Policies;
  #rivalsChanged = false;

  constructor(state: ControlState, policies: Policies) {
    this.#state = state;
    this.#policies = policies;
  }

  routesOf(id: NodeId): NodeRoutes {
    return this.#homes.get(id)?.routesOf(id) ?? NO_NODE_ROUTES;
  }

  /** Nodes that could take a route from each other; undefined: the same as when this was last asked. */
  takeRivals(): ReadonlySet<NodeId> | undefined {
    if (!this.#rivalsChanged) return undefined;
    this.#rivalsChanged = false;
    return new Set([...this.#books.values()].flatMap((book) => [...book.rivals()]));
  }

  /** What is so now of a node. Answers others that carry something else by it. */
  put(state: ControlState, record: NodeRecord, isOnline: boolean): Iterable<NodeId> {
    this.#state = state;
    const known = this.#homes.get(record.id);
    if (known === undefined && record.hostInfo['RoutableIPs'] === undefined) return [];
    const book = known ?? this.#bookOf(record.tailnet);
    this.#homes.set(record.id, book);
    this.#rivalsChanged = true;
    return book.put(record, isOnline);
  }

  /** Answers others that carry something else by it. */
  remove(id: NodeId): Iterable<NodeId> {
    const book = this.#homes.get(id);
    if (book === undefined) return [];
    this.#homes.delete(id);
    this.#rivalsChanged = true;
    return book.remove(id);
  }

  /** What came of asking a node. Answers those that carry something else by it. */
  setHealth(id: NodeId, isHealthy: boolean): Iterable<NodeId> {
    return this.#homes.get(id)?.setHealth(id, isHealthy) ?? [];
  }

  /** Takes other policies. Answers the nodes whose routes changed. */
  setPolicies(policies: Policies): Iterable<NodeId> {
    this.#policies = policies;
    this.#rivalsChanged = true;
    return [...this.#books].flatMap(([tailnet, book]) => [
      ...book.setApproval(this.#approvalOf(tailnet)),
    ]);
  }

  #bookOf(tailnet: TailnetId): RouteBook {
    let book = this.#books.get(tailnet);
    if (book === undefined) {
      book = new RouteBook(this.#approvalOf(tailnet));
      this.#books.set(tailnet, book);
    }
    return book;
  }

  #approvalOf(tailnet: TailnetId): ConstructorParameters<typeof RouteBook>[0] {
    const policy = this.#policies.get(tailnet)?.policy;
    if (policy === undefined) return () => false;
    return (record, route) => autoApproves(policy, accessNodeOf(this.#state, record, []), route);
  }
}
