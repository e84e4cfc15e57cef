/**
 * Control's packet filter: JSON to rules, and how changes add up.
 *
 *     FilterRule    {SrcIPs: [...], DstPorts: [{IP, Ports: {First, Last}}], IPProto?: [6, 17]}
 *     SrcIPs, IP    "*", an address, a prefix, or an inclusive range a-b
 *     PacketFilter  rules: replaces the list named "base" (the older form)
 *     PacketFilters {name: rules or null}: null deletes the name, "*": null all names first
 *
 * All lists together are the filter, in the order of their names. Rules only allow, so everything that isn't
 * understood is left out and counted: a bad source, target or protocol costs itself, a rule with a field of old
 * that would have narrowed it (SrcBits, Bits) is dropped. Sources by capability (`cap:`) and
 * rules that only grant capabilities (CapGrant) are for features that we don't have.
 */
import type { Counters } from '../base/counters.js';
import {
  asArray,
  asEntries,
  asInteger,
  asObject,
  asString,
  type JsonObject,
} from '../base/json.js';
import {
  ALL_PORTS,
  DEFAULT_PROTOCOLS,
  type FilterRule,
  type FilterTarget,
  type PortRange,
} from '../engines/filter-rule.js';
import { parseAddress } from '../ip/address.js';
import { hostPrefix, type Prefix, parsePrefix } from '../ip/prefix.js';
import { rangePrefixes } from '../ip/range.js';
import { decodeList, type ListBounds } from './bounded-list.js';
import {
  filterNamesMax,
  filterPrefixesMax,
  filterRulesMax,
  labelLengthMax,
  tokenLengthMax,
} from './limits.js';

/** Rules by the name of their list, as control keeps them. */
export type FilterSets = ReadonlyMap<string, readonly FilterRule[]>;

/** What one response says of the filter. */
export interface FilterChange {
  /** All lists go before `sets` come. */
  readonly clear: boolean;
  /** Undefined: the list goes. */
  readonly sets: ReadonlyMap<string, readonly FilterRule[] | undefined>;
}

const LEGACY_NAME = 'base';
const ALL_NAMES = '*';
const PROTOCOL_MAX = 255;
const EVERYBODY: readonly Prefix[] = ['0.0.0.0/0', '::/0'] as Prefix[];

const RULES: ListBounds = {
  max: filterRulesMax,
  malformed: 'netmap-filter-rule-malformed',
  overLimit: 'netmap-filter-over-limit',
};

/** How much of one response's rules may still be taken. */
class Budget {
  prefixes = filterPrefixesMax;
}

/** The prefixes of one text (`*`, address, prefix, range); undefined when it is none of the forms. */
export function parseFilterAddress(text: string): readonly Prefix[] | undefined {
  if (text === '*') return EVERYBODY;
  if (text.includes('/')) {
    const prefix = parsePrefix(text);
    return prefix === undefined ? undefined : [prefix];
  }
  const dash = text.indexOf('-');
  if (dash < 0) {
    const address = parseAddress(text);
    return address === undefined ? undefined : [hostPrefix(address)];
  }
  const first = parseAddress(text.slice(0, dash));
  const last = parseAddress(text.slice(dash + 1));
  return first === undefined || last === undefined ? undefined : rangePrefixes(first, last);
}

/** As {@link parseFilterAddress}, counted; none when malformed or over the budget. */
function readPrefixes(value: unknown, budget: Budget, counters: Counters): readonly Prefix[] {
  const text = asString(value, tokenLengthMax);
  if (text?.startsWith('cap:') === true) {
    counters.add('netmap-filter-capability-ignored');
    return [];
  }
  const prefixes = text === undefined ? undefined : parseFilterAddress(text);
  if (prefixes === undefined) {
    counters.add('netmap-filter-address-malformed');
    return [];
  }
  if (prefixes.length > budget.prefixes) {
    counters.add('netmap-filter-over-limit');
    return [];
  }
  budget.prefixes -= prefixes.length;
  return prefixes;
}

function readPorts(value: unknown): PortRange | undefined {
  const ports = asObject(value);
  const first = asInteger(ports?.['First'], 0, ALL_PORTS.last);
  const last = asInteger(ports?.['Last'], 0, ALL_PORTS.last);
  return first === undefined || last === undefined || first > last ? undefined : { first, last };
}

function readTargets(value: unknown, budget: Budget, counters: Counters): readonly FilterTarget[] {
  return asArray(value).flatMap((entry) => {
    const target = asObject(entry);
    const ports = readPorts(target?.['Ports']);
    if (ports === undefined || isStated(target?.['Bits'])) {
      counters.add('netmap-filter-target-malformed');
      return [];
    }
    return readPrefixes(target?.['IP'], budget, counters).map((prefix) => ({ prefix, ports }));
  });
}

const isStated = (value: unknown): boolean => value !== undefined && value !== null;
const isEmpty = (value: unknown): boolean => !isStated(value) || asArray(value).length === 0;

/** Undefined: it names protocols, and none of them is one. */
function readProtocols(value: unknown, counters: Counters): readonly number[] | undefined {
  if (isStated(value) && !Array.isArray(value)) return undefined;
  const named = asArray(value);
  if (named.length === 0) return DEFAULT_PROTOCOLS;
  const protocols = new Set<number>();
  for (const entry of named) {
    const protocol = asInteger(entry, 0, PROTOCOL_MAX);
    if (protocol === undefined) counters.add('netmap-filter-protocol-malformed');
    else protocols.add(protocol);
  }
  return protocols.size === 0 ? undefined : [...protocols];
}

/** One rule. Undefined: malformed. Null: well formed, and without effect here. */
function readRule(
  rule: JsonObject,
  budget: Budget,
  counters: Counters,
): FilterRule | undefined | null {
  const protocols = readProtocols(rule['IPProto'], counters);
  if (protocols === undefined || !isEmpty(rule['SrcBits'])) return undefined;
  if (isEmpty(rule['DstPorts'])) return null;
  const read = (source: unknown) => readPrefixes(source, budget, counters);
  const sources = [...new Set(asArray(rule['SrcIPs']).flatMap(read))];
  const targets = readTargets(rule['DstPorts'], budget, counters);
  return sources.length === 0 || targets.length === 0 ? null : { protocols, sources, targets };
}

function readRules(value: unknown, budget: Budget, counters: Counters): readonly FilterRule[] {
  const rules = decodeList(value, RULES, counters, (entry) => {
    const rule = asObject(entry);
    const read = rule === undefined ? undefined : readRule(rule, budget, counters);
    return read === undefined ? undefined : { read };
  });
  return rules.flatMap(({ read }) => (read === null ? [] : [read]));
}

/** What a response says of the filter; undefined: nothing. */
export function decodeFilterChange(
  response: JsonObject,
  counters: Counters,
): FilterChange | undefined {
  const legacy = response['PacketFilter'];
  const named = asObject(response['PacketFilters']);
  if (named === undefined && !isStated(legacy)) return undefined;
  const budget = new Budget();
  const sets = new Map<string, readonly FilterRule[] | undefined>();
  const clear = named !== undefined && named[ALL_NAMES] === null;
  // The older form comes first, so what clears all names clears it too.
  if (isStated(legacy) && !clear) sets.set(LEGACY_NAME, readRules(legacy, budget, counters));
  for (const [name, rules] of asEntries(named)) {
    if (name === ALL_NAMES) continue;
    if (sets.size >= filterNamesMax || name.length > labelLengthMax) {
      counters.add('netmap-filter-over-limit');
    } else if (rules === null) {
      sets.set(name, undefined);
    } else {
      sets.set(name, readRules(rules, budget, counters));
    }
  }
  return { clear, sets };
}

const costOf = ({ sources, targets }: FilterRule): number => sources.length + targets.length;

/** What one more list may hold beside others. */
class Room {
  #rules = filterRulesMax;
  #prefixes = filterPrefixesMax;

  /** The first rules of a list, as many as fit; they are in now. */
  take(list: readonly FilterRule[]): readonly FilterRule[] {
    let count = 0;
    for (const rule of list) {
      if (this.#rules < 1 || this.#prefixes < costOf(rule)) break;
      this.#rules--;
      this.#prefixes -= costOf(rule);
      count++;
    }
    return count === list.length ? list : list.slice(0, count);
  }
}

/** The lists after a change. Names, rules and prefixes stay bounded, however many changes come. */
export function applyFilterChange(
  previous: FilterSets,
  { clear, sets }: FilterChange,
  counters: Counters,
): FilterSets {
  const next = new Map(clear ? [] : previous);
  for (const name of sets.keys()) next.delete(name);
  const room = new Room();
  for (const list of next.values()) room.take(list);
  for (const [name, rules] of sets) {
    if (rules === undefined) continue;
    if (next.size >= filterNamesMax) {
      counters.add('netmap-filter-over-limit');
      continue;
    }
    const taken = room.take(rules);
    if (taken !== rules) counters.add('netmap-filter-over-limit');
    next.set(name, taken);
  }
  return next;
}

/** All rules of all lists, by the names' order. */
export function filterRules(sets: FilterSets): readonly FilterRule[] {
  const byName = [...sets].sort(([a], [b]) => (a < b ? -1 : 1));
  return byName.flatMap(([, rules]) => rules);
}
