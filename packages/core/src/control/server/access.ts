/**
 * What policies make of the nodes of a server, tailnet by tailnet: who sees whom, who lets in whom, what each
 * node may do. A tailnet without a policy has the one that lets everybody talk to everybody.
 */
import type { Prefix } from '../../ip/prefix.js';
import type { AccessNode } from '../../policy/access-node.js';
import { type AccessChange, AccessTable } from '../../policy/access-table.js';
import { CompiledPolicy } from '../../policy/compiled-policy.js';
import { FilterBook } from '../../policy/filter-rules.js';
import { OPEN_POLICY, type SshRule } from '../../policy/policy.js';
import { NO_REACH, type RouteReach, routeReachOf } from '../../policy/route-reach.js';
import { sshPolicyOf, sshRuleBetween } from '../../policy/ssh-rules.js';
import { accessNodeOf } from './access-node-of.js';
import { peerCapabilities } from './peer-capabilities.js';
import { type Capabilities, NO_RIGHTS, type NodeRights, type Policies } from './rights.js';
import type { RoutesOf } from './route-book.js';
import type { ControlState, NodeId, NodeRecord, TailnetId } from './state.js';

const OPEN = new CompiledPolicy(OPEN_POLICY);

const SSH_CAPABILITY = 'https://tailscale.com/cap/ssh';
/** Without it a stock client sends and takes no files. It means a user's own machines, or whom a grant names. */
const FILES_CAPABILITY = 'https://tailscale.com/cap/file-sharing';
const RANDOM_PORT_CAPABILITY = 'randomize-client-port';

const NOTHING: ReadonlySet<string> = new Set();

/** One tailnet under one policy. */
class TailnetAccess {
  readonly table: AccessTable;
  readonly #filters: FilterBook;
  /** Kept while they hold, so that equal rights are one object. */
  readonly #rights = new Map<NodeId, NodeRights>();
  /** By the rules, then by the names: nodes of equal rights share objects. */
  readonly #lists = new WeakMap<object, NodeRights['packetFilters']>();
  readonly #capabilities = new Map<string, Capabilities>();
  /** As long as they hold. */
  readonly #attributes = new Map<NodeId, ReadonlySet<string>>();

  constructor(policy: CompiledPolicy, nodes: Iterable<AccessNode>) {
    this.table = new AccessTable(policy, nodes);
    this.#filters = new FilterBook(this.table);
  }

  changed({ affected }: AccessChange): void {
    this.#filters.invalidate(affected);
    for (const id of affected) {
      this.#rights.delete(id);
      this.#attributes.delete(id);
    }
  }

  /** What its peers are to know of its capabilities. */
  peerCapabilitiesOf(id: NodeId): Capabilities {
    const isExitNode = this.table.entry(id)?.subject.isExitNode === true;
    return peerCapabilities(this.#attributesOf(id), isExitNode);
  }

  rightsOf(id: NodeId): NodeRights {
    let rights = this.#rights.get(id);
    if (rights === undefined) {
      rights = {
        packetFilters: this.#listsOf(id),
        capabilities: this.#capabilitiesOf(id),
        sshPolicy: sshPolicyOf(this.table, id),
      };
      this.#rights.set(id, rights);
    }
    return rights;
  }

  #listsOf(id: NodeId): NodeRights['packetFilters'] {
    const base = this.#filters.filterOf(id);
    let lists = this.#lists.get(base);
    if (lists === undefined) {
      lists = { base };
      this.#lists.set(base, lists);
    }
    return lists;
  }

  /** What the policy's `nodeAttrs` say of it. */
  #attributesOf(id: NodeId): ReadonlySet<string> {
    const { compiled } = this.table;
    const subject = this.table.entry(id)?.subject;
    if (subject === undefined || compiled.policy.nodeAttributes.length === 0) return NOTHING;
    const known = this.#attributes.get(id);
    if (known !== undefined) return known;
    const { attributeTargets } = compiled;
    const slots = [
      ...attributeTargets.byIdentity(subject.identities),
      ...attributeTargets.byAddress(subject),
    ];
    const names = new Set(slots.flatMap((slot) => [...compiled.attributes(slot)]));
    this.#attributes.set(id, names);
    return names;
  }

  #capabilitiesOf(id: NodeId): Capabilities {
    if (this.table.entry(id) === undefined) return NO_RIGHTS.capabilities;
    const { policy } = this.table.compiled;
    const names = new Set(this.#attributesOf(id));
    names.add(FILES_CAPABILITY);
    if (policy.randomizeClientPort) names.add(RANDOM_PORT_CAPABILITY);
    if (policy.ssh.length > 0) names.add(SSH_CAPABILITY);
    const sorted = [...names].sort();
    const key = sorted.join(' ');
    const known = this.#capabilities.get(key);
    if (known !== undefined) return known;
    const made = Object.fromEntries(sorted.map((name) => [name, []]));
    this.#capabilities.set(key, made);
    return made;
  }
}

/** Who sees whom before and after another policy. Nodes that neither tells apart share an answer. */
export class SightChange {
  readonly #old: AccessTable;
  readonly #next: AccessTable;
  readonly #watched: ReadonlySet<NodeId>;
  readonly #known = new Map<string, PeerChange>();

  /** `watched`: nodes that may look otherwise to who keeps seeing them. */
  constructor({ old, next }: TableChange, watched: ReadonlySet<NodeId>) {
    this.#old = old;
    this.#next = next;
    this.#watched = watched;
  }

  /** What becomes of a viewer's peers; may name the viewer itself. */
  of(viewer: NodeId): PeerChange {
    const [old, next] = [this.#old, this.#next].map((table) => table.entry(viewer)?.accessClass);
    const key = `${old?.key ?? ''} > ${next?.key ?? ''}`;
    let change = this.#known.get(key);
    if (change === undefined) {
      const lost = new Set<NodeId>();
      for (const { members } of old?.sees ?? []) for (const member of members) lost.add(member);
      const gained: NodeId[] = [];
      const kept: NodeId[] = [];
      for (const { members } of next?.sees ?? []) {
        for (const member of members) {
          if (!lost.delete(member)) gained.push(member);
          else if (this.#watched.has(member)) kept.push(member);
        }
      }
      const before = routeReachOf(this.#old, viewer);
      const now = routeReachOf(this.#next, viewer);
      change = { gained, lost: [...lost], kept, before, now };
      this.#known.set(key, change);
    }
    return change;
  }
}

/** What another policy made of a tailnet's access. */
export interface TableChange {
  readonly old: AccessTable;
  readonly next: AccessTable;
}

export interface PeerChange {
  readonly gained: readonly NodeId[];
  readonly lost: readonly NodeId[];
  /** Of the watched ones those that it sees before and after. */
  readonly kept: readonly NodeId[];
  /** Whose routes it was told, and is told. */
  readonly before: RouteReach;
  readonly now: RouteReach;
}

export class NetworkAccess {
  readonly #tailnets = new Map<TailnetId, TailnetAccess>();
  readonly #homes = new Map<NodeId, TailnetAccess>();
  #policies: Policies;

  constructor(policies: Policies) {
    this.#policies = policies;
  }

  /** Takes all nodes of a state at once. */
  load(state: ControlState, routesOf: RoutesOf): void {
    const byTailnet = new Map<TailnetId, AccessNode[]>();
    for (const record of state.nodes.values()) {
      const nodes = byTailnet.get(record.tailnet);
      const node = accessNodeOf(state, record, routesOf(record.id).served);
      if (nodes === undefined) byTailnet.set(record.tailnet, [node]);
      else nodes.push(node);
    }
    for (const [tailnet, nodes] of byTailnet) this.#fill(tailnet, nodes);
  }

  put(state: ControlState, record: NodeRecord, routes: readonly Prefix[]): AccessChange {
    const home = this.#tailnets.get(record.tailnet) ?? this.#fill(record.tailnet, []);
    const change = home.table.put(accessNodeOf(state, record, routes));
    home.changed(change);
    this.#homes.set(record.id, home);
    return change;
  }

  remove(id: NodeId): AccessChange | undefined {
    const home = this.#homes.get(id);
    const change = home?.table.remove(id);
    if (home === undefined || change === undefined) return undefined;
    home.changed(change);
    this.#homes.delete(id);
    return change;
  }

  /** Takes other policies; names the tailnets whose policy is another one. */
  setPolicies(next: Policies): readonly TailnetId[] {
    const old = this.#policies;
    this.#policies = next;
    const tailnets = new Set([...old.keys(), ...next.keys()]);
    return [...tailnets].filter((tailnet) => old.get(tailnet) !== next.get(tailnet));
  }

  /** Works everything out anew for a tailnet, under its present policy; undefined: it has no nodes. */
  rebuild(tailnet: TailnetId): TableChange | undefined {
    const old = this.#tailnets.get(tailnet)?.table;
    if (old === undefined) return undefined;
    return { old, next: this.#fill(tailnet, [...old.nodes()]).table };
  }

  sees(one: NodeId, other: NodeId): boolean {
    return this.#homes.get(one)?.table.sees(one, other) === true;
  }

  /** Which routes of others a node is told. */
  reachOf(id: NodeId): RouteReach {
    const home = this.#homes.get(id);
    return home === undefined ? NO_REACH : routeReachOf(home.table, id);
  }

  /** What peers of a node are to know of its capabilities. */
  peerCapabilitiesOf(id: NodeId): Capabilities {
    return this.#homes.get(id)?.peerCapabilitiesOf(id) ?? NO_RIGHTS.capabilities;
  }

  /** All that a node sees, in no order. */
  peersOf(id: NodeId): Iterable<NodeId> {
    return this.#homes.get(id)?.table.peersOf(id) ?? [];
  }

  /** The rule by which `source` may log in on `target`; undefined: it may not. */
  sshRule(source: NodeId, target: NodeId, localUser: string): SshRule | undefined {
    const table = this.#homes.get(target)?.table;
    return table && sshRuleBetween(table, source, target, localUser);
  }

  rightsOf(id: NodeId): NodeRights {
    return this.#homes.get(id)?.rightsOf(id) ?? NO_RIGHTS;
  }

  #fill(tailnet: TailnetId, nodes: readonly AccessNode[]): TailnetAccess {
    const made = new TailnetAccess(this.#policies.get(tailnet) ?? OPEN, nodes);
    this.#tailnets.set(tailnet, made);
    for (const { id } of nodes) this.#homes.set(id, made);
    return made;
  }
}
