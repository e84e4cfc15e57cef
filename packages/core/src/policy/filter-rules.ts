/**
 * What one node lets in under a policy, as clients of the map protocol take it.
 *
 *     rule of ports          {SrcIPs, DstPorts: [{IP, Ports}], IPProto?}    one per source list and protocols
 *     rule of capabilities   {SrcIPs, CapGrant: [{Dsts, CapMap}]}
 *
 * Targets are cut down to what the node is: its own addresses where a rule names it, the rule's addresses where
 * they are the node's or on its routes, `*` where the rule has `*`.
 */
import { sameJson } from '../base/json.js';
import type { PortRange } from '../engines/filter-rule.js';
import { hostPrefix } from '../ip/prefix.js';
import type { WireFilterRule, WireFilterTarget } from '../netmap/wire.js';
import type { AccessNodeId } from './access-node.js';
import type { AccessEntry, AccessTable } from './access-table.js';
import { formatRange, INTERNET_RANGES, rangeContains, rangesOverlap } from './address-set.js';
import type { CompiledRule } from './compiled-policy.js';
import type { Slot } from './selector-index.js';

const INTERNET = INTERNET_RANGES.map(formatRange);
const NOTHING: readonly WireFilterRule[] = [];

/** Target lists that a node is in, with what they are cut down to. */
interface Place {
  readonly ips: readonly string[];
  /** False: any node of the class has the same. */
  readonly isOwn: boolean;
}

function placeIn(
  table: AccessTable,
  { node, subject, accessClass }: AccessEntry,
  slot: Slot,
): Place {
  const list = table.compiled.targets.lists[slot];
  if (list === undefined) return { ips: [], isOwn: false };
  if (list.identities.has('*')) return { ips: ['*'], isOwn: false };
  const isNamed = accessClass.identityTargets.has(slot);
  const literals = list.literals
    .filter(
      ({ range }) =>
        subject.addresses.some((address) => rangeContains(range, address)) ||
        subject.routes.some((route) => rangesOverlap(range, route)),
    )
    .map(({ range }) => formatRange(range));
  const ips = [
    ...(isNamed ? node.addresses : []),
    ...literals,
    ...(list.hasInternet && subject.isExitNode ? INTERNET : []),
  ];
  return { ips: [...new Set(ips)], isOwn: true };
}

/** Collects rules, those of the same sources and protocols in one. */
class RuleList {
  readonly #ports = new Map<
    string,
    { rule: WireFilterRule; targets: WireFilterTarget[]; seen: Set<string> }
  >();
  readonly #grants: WireFilterRule[] = [];

  allow(
    key: string,
    SrcIPs: readonly string[],
    protocols: readonly number[] | undefined,
    ips: readonly string[],
    ports: readonly PortRange[],
  ): void {
    const whole = `${key} ${protocols?.join() ?? ''}`;
    let entry = this.#ports.get(whole);
    if (entry === undefined) {
      const targets: WireFilterTarget[] = [];
      const rule: WireFilterRule = {
        SrcIPs,
        DstPorts: targets,
        ...(protocols === undefined ? {} : { IPProto: protocols }),
      };
      entry = { rule, targets, seen: new Set() };
      this.#ports.set(whole, entry);
    }
    for (const IP of ips) {
      for (const { first: First, last: Last } of ports) {
        const text = `${IP} ${First} ${Last}`;
        if (entry.seen.has(text)) continue;
        entry.seen.add(text);
        entry.targets.push({ IP, Ports: { First, Last } });
      }
    }
  }

  grant(SrcIPs: readonly string[], Dsts: readonly string[], { capabilities }: CompiledRule): void {
    const CapMap = Object.fromEntries(
      [...capabilities].map(([name, values]) => [name, values.length === 0 ? null : values]),
    );
    this.#grants.push({ SrcIPs, CapGrant: [{ Dsts, CapMap }] });
  }

  get rules(): readonly WireFilterRule[] {
    return [...[...this.#ports.values()].map(({ rule }) => rule), ...this.#grants];
  }
}

/** The filters of all nodes of a table; equal ones are one object where that is cheap to see. */
export class FilterBook {
  readonly #table: AccessTable;
  readonly #filters = new Map<AccessNodeId, readonly WireFilterRule[]>();
  /** Filters that came out of date, to be kept if they turn out the same. */
  readonly #stale = new Map<AccessNodeId, readonly WireFilterRule[]>();
  /** Of classes whose nodes all have the same. */
  readonly #shared = new Map<string, readonly WireFilterRule[]>();

  constructor(table: AccessTable) {
    this.#table = table;
  }

  filterOf(id: AccessNodeId): readonly WireFilterRule[] {
    const known = this.#filters.get(id);
    if (known !== undefined) return known;
    const entry = this.#table.entry(id);
    const built = entry === undefined ? NOTHING : this.#build(entry);
    const old = this.#stale.get(id);
    const filter = old !== undefined && sameRules(old, built) ? old : built;
    this.#stale.delete(id);
    if (entry !== undefined) this.#filters.set(id, filter);
    return filter;
  }

  /** What {@link AccessTable.put} and its like say is affected. */
  invalidate(ids: Iterable<AccessNodeId>): void {
    this.#shared.clear();
    for (const id of ids) {
      const known = this.#filters.get(id);
      this.#filters.delete(id);
      if (this.#table.entry(id) === undefined) this.#stale.delete(id);
      else if (known !== undefined) this.#stale.set(id, known);
    }
  }

  #build(entry: AccessEntry): readonly WireFilterRule[] {
    const shared = this.#shared.get(entry.accessClass.key);
    if (shared !== undefined) return shared;
    const { node, accessClass } = entry;
    const { rules, rulesByTarget, rulesBySource } = this.#table.compiled;
    const list = new RuleList();
    const ownPrefixes = node.addresses.map(hostPrefix);
    let isOwn = false;
    const add = (
      rule: CompiledRule,
      key: string,
      sources: readonly string[],
      ips: readonly string[],
    ) => {
      if (sources.length === 0 || ips.length === 0) return;
      for (const { protocols, ports } of rule.allows)
        list.allow(key, sources, protocols, ips, ports);
      if (rule.capabilities.size > 0) {
        isOwn = true;
        list.grant(sources, ownPrefixes, rule);
      }
    };
    for (const slot of accessClass.targets) {
      const place = placeIn(this.#table, entry, slot);
      isOwn ||= place.isOwn;
      for (const number of rulesByTarget[slot] ?? []) {
        const rule = rules[number];
        if (rule === undefined) continue;
        add(rule, String(rule.sources), this.#table.sourceAddresses(rule.sources), place.ips);
      }
    }
    for (const slot of accessClass.selfSources) {
      for (const number of rulesBySource[slot] ?? []) {
        const rule = rules[number];
        if (rule?.targets !== 'self') continue;
        isOwn = true;
        add(rule, 'self', this.#table.ownAddresses(accessClass.selfUser), node.addresses);
      }
    }
    const built = list.rules.length === 0 ? NOTHING : list.rules;
    if (!isOwn) this.#shared.set(accessClass.key, built);
    return built;
  }
}

function sameRules(old: readonly WireFilterRule[], next: readonly WireFilterRule[]): boolean {
  return (
    old.length === next.length && old.every((rule, index) => sameRule(rule, next[index] ?? rule))
  );
}

function sameRule(one: WireFilterRule, other: WireFilterRule): boolean {
  const { SrcIPs: oneSources, ...oneRest } = one;
  const { SrcIPs: otherSources, ...otherRest } = other;
  return sameJson(oneSources, otherSources) && sameJson(oneRest, otherRest);
}
