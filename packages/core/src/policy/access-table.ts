/**
 * Who sees whom under a policy, kept up to date node by node.
 *
 * Nodes that are in the same lists of the policy form a class, and classes see each other:
 *
 *     A sees B   when a rule leads from a list of A's to a list of B's or back, or both are one user's own
 *                machines and the policy has rules for those; always both ways
 *
 * so that a node which changes something else than its owner, tags, addresses or routes changes nothing here,
 * one that comes or goes touches who may see it, and only another policy means everything anew. What each node
 * is let in from is written by filter-rules.ts from this table's lists.
 */
import { assert } from '../base/assert.js';
import type { AccessNode, AccessNodeId, Subject } from './access-node.js';
import { type AddressRange, formatRange, mergeRanges, OVERLAY_RANGES } from './address-set.js';
import type { CompiledPolicy } from './compiled-policy.js';
import type { Slot } from './selector-index.js';

/** Nodes that every rule treats alike but for their addresses. */
export interface AccessClass {
  readonly key: string;
  /** Source lists that name it, by identity or by address. */
  readonly sources: readonly Slot[];
  /** Those that name it by identity: its addresses are in them. */
  readonly identitySources: readonly Slot[];
  readonly targets: readonly Slot[];
  readonly identityTargets: ReadonlySet<Slot>;
  /** The user whose own machines see each other; 0: no rule of that kind. */
  readonly selfUser: number;
  /** Source lists of the rules of that kind that name the user. */
  readonly selfSources: ReadonlySet<Slot>;
  readonly members: Set<AccessNodeId>;
  readonly sees: Set<AccessClass>;
}

export interface AccessEntry {
  readonly node: AccessNode;
  readonly subject: Subject;
  readonly accessClass: AccessClass;
}

/** What a change of one node means for others. */
export interface AccessChange {
  /** Nodes that see it now, and it them, and didn't. */
  readonly gained: readonly AccessNodeId[];
  readonly lost: readonly AccessNodeId[];
  /** Nodes whose filter or SSH rules may be others now. */
  readonly affected: ReadonlySet<AccessNodeId>;
}

const NO_CHANGE: AccessChange = { gained: [], lost: [], affected: new Set() };

export class AccessTable {
  readonly compiled: CompiledPolicy;
  readonly #entries = new Map<AccessNodeId, AccessEntry>();
  readonly #classes = new Map<string, AccessClass>();
  /** Classes by the source and target lists that name them. */
  readonly #bySource: readonly Set<AccessClass>[];
  readonly #byTarget: readonly Set<AccessClass>[];
  readonly #bySelfUser = new Map<number, Set<AccessClass>>();
  /** Machines of users, those that a rule for own machines concerns. */
  readonly #ownMachines = new Map<number, Set<AccessNodeId>>();
  /** Addresses of source lists, as long as they hold. */
  readonly #sourceTexts = new Map<Slot, readonly string[]>();
  readonly #selfTexts = new Map<number, readonly string[]>();

  constructor(compiled: CompiledPolicy, nodes: Iterable<AccessNode> = []) {
    this.compiled = compiled;
    this.#bySource = compiled.sources.lists.map(() => new Set());
    this.#byTarget = compiled.targets.lists.map(() => new Set());
    for (const node of nodes) this.#insert(node);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Nodes that no rule tells apart count once. */
  get classCount(): number {
    return this.#classes.size;
  }

  /** Pairs of nodes that see each other. */
  get pairCount(): number {
    let ends = 0;
    for (const one of this.#classes.values()) {
      for (const other of one.sees) {
        ends += one.members.size * (other.members.size - (other === one ? 1 : 0));
      }
    }
    return ends / 2;
  }

  *nodes(): Generator<AccessNode> {
    for (const { node } of this.#entries.values()) yield node;
  }

  entry(id: AccessNodeId): AccessEntry | undefined {
    return this.#entries.get(id);
  }

  /** True when the two see each other; no node sees itself. */
  sees(one: AccessNodeId, other: AccessNodeId): boolean {
    const [a, b] = [this.#entries.get(one), this.#entries.get(other)];
    return one !== other && a !== undefined && b?.accessClass.sees.has(a.accessClass) === true;
  }

  /** All that a node sees, in no order. */
  *peersOf(id: AccessNodeId): Generator<AccessNodeId> {
    const seen = this.#entries.get(id)?.accessClass.sees ?? [];
    for (const { members } of seen) for (const member of members) if (member !== id) yield member;
  }

  /** Adds a node or takes its new properties. */
  put(node: AccessNode): AccessChange {
    const old = this.#entries.get(node.id);
    if (old !== undefined && sameForPolicies(old.node, node)) return NO_CHANGE;
    return this.#change(node.id, () => {
      if (old !== undefined) this.#drop(old);
      this.#insert(node);
    });
  }

  remove(id: AccessNodeId): AccessChange {
    const old = this.#entries.get(id);
    return old === undefined ? NO_CHANGE : this.#change(id, () => this.#drop(old));
  }

  /** The addresses that a source list stands for, as filters have them; the same array while they hold. */
  sourceAddresses(slot: Slot): readonly string[] {
    const known = this.#sourceTexts.get(slot);
    if (known !== undefined) return known;
    const texts = this.#isEverything(slot)
      ? ['*']
      : mergeRanges(this.#rangesOf(slot)).map(formatRange);
    this.#sourceTexts.set(slot, texts);
    return texts;
  }

  /** As {@link sourceAddresses}, of a user's own machines. */
  ownAddresses(userId: number): readonly string[] {
    const known = this.#selfTexts.get(userId);
    if (known !== undefined) return known;
    const ranges = [...this.ownMachines(userId)].flatMap((id) => this.#addresses(id));
    const texts = mergeRanges(ranges).map(formatRange);
    this.#selfTexts.set(userId, texts);
    return texts;
  }

  /** Untagged machines of a user whom a rule for own machines names. */
  ownMachines(userId: number): ReadonlySet<AccessNodeId> {
    return this.#ownMachines.get(userId) ?? new Set();
  }

  /** Members of a source list that it names by identity. */
  *sourceMembers(slot: Slot): Generator<AccessNodeId> {
    for (const one of this.#bySource[slot] ?? []) {
      if (one.identitySources.includes(slot)) yield* one.members;
    }
  }

  #change(id: AccessNodeId, apply: () => void): AccessChange {
    const before = this.#entries.get(id);
    const seenBefore = new Set(this.peersOf(id));
    apply();
    const after = this.#entries.get(id);
    const gained: AccessNodeId[] = [];
    for (const peer of this.peersOf(id)) if (!seenBefore.delete(peer)) gained.push(peer);
    const affected = new Set<AccessNodeId>([id]);
    for (const entry of [before, after]) {
      if (entry === undefined) continue;
      for (const slot of entry.accessClass.identitySources) this.#sourceChanged(slot, affected);
      const { selfUser } = entry.accessClass;
      if (selfUser !== 0) {
        this.#selfTexts.delete(selfUser);
        for (const machine of this.ownMachines(selfUser)) affected.add(machine);
      }
    }
    if (!sameRoutes(before?.subject.routes, after?.subject.routes)) this.#routesChanged(affected);
    return { gained, lost: [...seenBefore], affected };
  }

  /** The addresses of a list may be others now: who lets them in is concerned. */
  #sourceChanged(slot: Slot, affected: Set<AccessNodeId>): void {
    // Everybody of the network has the same addresses whoever comes.
    if (this.#hasAny(slot)) return;
    this.#sourceTexts.delete(slot);
    this.#addTargets(slot, affected);
  }

  #routesChanged(affected: Set<AccessNodeId>): void {
    for (const { slot } of this.compiled.sources.lists) {
      if (!this.#hasAny(slot) || this.#isEverything(slot)) continue;
      this.#sourceTexts.delete(slot);
      this.#addTargets(slot, affected);
    }
  }

  #addTargets(slot: Slot, affected: Set<AccessNodeId>): void {
    const { rules, rulesBySource, sshRules, sshRulesBySource } = this.compiled;
    const add = (targets: Slot | 'self' | undefined): void => {
      if (targets === undefined || targets === 'self') return;
      for (const { members } of this.#byTarget[targets] ?? []) {
        for (const member of members) affected.add(member);
      }
    };
    for (const number of rulesBySource[slot] ?? []) add(rules[number]?.targets);
    for (const number of sshRulesBySource[slot] ?? []) add(sshRules[number]?.targets);
  }

  #hasAny(slot: Slot): boolean {
    return this.compiled.sources.lists[slot]?.identities.has('*') === true;
  }

  /** `autogroup:danger-all`: any address, of the network or not. */
  #isEverything(slot: Slot): boolean {
    const selectors = this.compiled.sources.lists[slot]?.selectors ?? [];
    return selectors.some(({ kind }) => kind === 'danger-all');
  }

  #rangesOf(slot: Slot): readonly AddressRange[] {
    const literals = this.compiled.sources.lists[slot]?.literals.map(({ range }) => range) ?? [];
    if (!this.#hasAny(slot)) {
      return [...literals, ...[...this.sourceMembers(slot)].flatMap((id) => this.#addresses(id))];
    }
    const routes = [...this.#entries.values()].flatMap(({ subject }) => subject.routes);
    return [...literals, ...OVERLAY_RANGES, ...routes];
  }

  #addresses(id: AccessNodeId): readonly AddressRange[] {
    return this.#entries.get(id)?.subject.addresses ?? [];
  }

  #insert(node: AccessNode): void {
    assert(!this.#entries.has(node.id), 'a node is in once');
    const subject = this.compiled.identities.subject(node);
    const accessClass = this.#classOf(node, subject);
    accessClass.members.add(node.id);
    this.#entries.set(node.id, { node, subject, accessClass });
    if (accessClass.selfUser === 0) return;
    const own = this.#ownMachines.get(accessClass.selfUser);
    if (own === undefined) this.#ownMachines.set(accessClass.selfUser, new Set([node.id]));
    else own.add(node.id);
  }

  #drop({ node, accessClass }: AccessEntry): void {
    this.#entries.delete(node.id);
    accessClass.members.delete(node.id);
    if (accessClass.selfUser !== 0) this.#ownMachines.get(accessClass.selfUser)?.delete(node.id);
    if (accessClass.members.size > 0) return;
    this.#classes.delete(accessClass.key);
    for (const other of accessClass.sees) other.sees.delete(accessClass);
    for (const slot of accessClass.sources) this.#bySource[slot]?.delete(accessClass);
    for (const slot of accessClass.targets) this.#byTarget[slot]?.delete(accessClass);
    this.#bySelfUser.get(accessClass.selfUser)?.delete(accessClass);
  }

  #classOf(node: AccessNode, subject: Subject): AccessClass {
    const { sources, targets } = this.compiled;
    const identitySources = sources.byIdentity(subject.identities);
    const identityTargets = targets.byIdentity(subject.identities);
    const allSources = union(identitySources, sources.byAddress(subject));
    const allTargets = union(identityTargets, targets.byAddress(subject));
    const selfSources = node.userId === 0 ? [] : this.#selfSources(identitySources);
    const selfUser = selfSources.length === 0 ? 0 : node.userId;
    const key = [identitySources, allSources, identityTargets, allTargets, selfUser].join('|');
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const made: AccessClass = {
      key,
      sources: allSources,
      identitySources,
      targets: allTargets,
      identityTargets: new Set(identityTargets),
      selfUser,
      selfSources: new Set(selfSources),
      members: new Set(),
      sees: new Set(),
    };
    this.#classes.set(key, made);
    this.#link(made);
    return made;
  }

  #selfSources(slots: readonly Slot[]): readonly Slot[] {
    const { rules, rulesBySource, sshRules, sshRulesBySource } = this.compiled;
    return slots.filter(
      (slot) =>
        rulesBySource[slot]?.some((number) => rules[number]?.targets === 'self') === true ||
        sshRulesBySource[slot]?.some((number) => sshRules[number]?.targets === 'self') === true,
    );
  }

  /** Enters a new class into the lists, and finds whom it sees; itself perhaps. */
  #link(made: AccessClass): void {
    const { rules, rulesBySource, rulesByTarget } = this.compiled;
    for (const slot of made.sources) this.#bySource[slot]?.add(made);
    for (const slot of made.targets) this.#byTarget[slot]?.add(made);
    const meet = (others: Iterable<AccessClass>): void => {
      for (const other of others) {
        made.sees.add(other);
        other.sees.add(made);
      }
    };
    for (const slot of made.sources) {
      for (const number of rulesBySource[slot] ?? []) {
        const targets = rules[number]?.targets;
        if (targets !== undefined && targets !== 'self') meet(this.#byTarget[targets] ?? []);
      }
    }
    for (const slot of made.targets) {
      for (const number of rulesByTarget[slot] ?? []) {
        const rule = rules[number];
        if (rule !== undefined) meet(this.#bySource[rule.sources] ?? []);
      }
    }
    const isReached = [...made.selfSources].some((slot) =>
      rulesBySource[slot]?.some((number) => rules[number]?.targets === 'self'),
    );
    if (!isReached) return;
    const own = this.#bySelfUser.get(made.selfUser) ?? new Set();
    own.add(made);
    this.#bySelfUser.set(made.selfUser, own);
    meet(own);
  }
}

function union(one: readonly Slot[], other: readonly Slot[]): readonly Slot[] {
  return other.length === 0 ? one : [...new Set([...one, ...other])].sort((a, b) => a - b);
}

function sameForPolicies(one: AccessNode, other: AccessNode): boolean {
  return (
    one.userId === other.userId &&
    one.login === other.login &&
    sameTexts(one.tags, other.tags) &&
    sameTexts(one.addresses, other.addresses) &&
    sameTexts(one.routes, other.routes)
  );
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function sameRoutes(
  one: readonly AddressRange[] = [],
  other: readonly AddressRange[] = [],
): boolean {
  return sameTexts(one.map(formatRange), other.map(formatRange));
}
