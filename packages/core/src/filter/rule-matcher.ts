/**
 * Filter rules made fast: whether any of them names a packet.
 *
 *     rule   = protocols, sources, targets with ports          clause = one target of it, ports and protocols
 *     packet = protocol, source, target, port
 *
 *     source --longest prefix--> clauses that name the source   10010110
 *     target --longest prefix--> clauses that name the target   01010010   a common bit: allowed
 *     port ----interval--------> clauses that name the port     11000010
 *
 * Each look-up gives a set of clauses as bits; clauses that differ only in their sources are one. With 1,000
 * clauses that is two tries, a binary search and 32 steps, whatever the rules are. Each family has its own.
 *
 * ICMP has no ports: a source that may reach a target on any port may send it ICMP, as stock clients have it,
 * so that ping tells the truth about reachability. Other protocols without ports need a rule that names them
 * and all ports.
 *
 * Source: T. V. Lakshman, D. Stiliadis, "High-speed policy-based packet forwarding" (1998), section 3.
 */
import type { Counters } from '../base/counters.js';
import { type FilterRule, type PortRange, PROTOCOL } from '../engines/filter-rule.js';
import { familyOf, type IpFamily } from '../ip/address.js';
import { type Prefix, prefixAddress, prefixBits, prefixContains } from '../ip/prefix.js';
import { wordsOf } from '../ip/prefix-table.js';
import { PrefixTrie, wordAt } from '../ip/prefix-trie.js';
import { addBit, BitSets, removeBit } from './bit-sets.js';
import { CLAUSES_MAX, PAIRS_MAX, WORDS_MAX } from './limits.js';

const PORT_MAX = 65_535;

interface Clause {
  readonly protocols: ReadonlySet<number>;
  readonly target: Prefix;
  readonly ports: PortRange;
  readonly sources: Set<Prefix>;
}

/** Disjoint intervals of ports: interval i begins at `starts[i]` and has the clauses at `sets[i]`. */
interface PortTable {
  readonly starts: Int32Array;
  readonly sets: Int32Array;
}

const overlap = (a: Prefix, b: Prefix): boolean =>
  prefixContains(a, prefixAddress(b)) || prefixContains(b, prefixAddress(a));

const isOf = (family: IpFamily, prefix: Prefix): boolean =>
  familyOf(prefixAddress(prefix)) === family;

const unlimited = (ports: PortRange): boolean => ports.first === 0 && ports.last === PORT_MAX;

/** The rules' clauses for one family whose targets can be ours; rules beyond the bounds are left out. */
function clausesOf(
  rules: readonly FilterRule[],
  family: IpFamily,
  local: readonly Prefix[],
  counters: Counters,
): readonly Clause[] {
  const clauses = new Map<string, Clause>();
  const reachable = new Map<Prefix, boolean>();
  let pairs = 0;
  for (const rule of rules) {
    const targets = rule.targets.filter(({ prefix }) => {
      let known = reachable.get(prefix);
      if (known === undefined) {
        known = isOf(family, prefix) && local.some((own) => overlap(own, prefix));
        reachable.set(prefix, known);
      }
      return known;
    });
    if (targets.length === 0) continue;
    const sources = rule.sources.filter((prefix) => isOf(family, prefix));
    pairs += sources.length * targets.length;
    if (pairs > PAIRS_MAX || clauses.size + targets.length > CLAUSES_MAX) {
      counters.add('filter-rules-over-limit');
      break;
    }
    if (sources.length === 0) continue;
    const protocols = new Set([...rule.protocols].sort((a, b) => a - b));
    const name = [...protocols].join();
    for (const { prefix, ports } of targets) {
      const key = `${name} ${prefix} ${ports.first}-${ports.last}`;
      const same = clauses.get(key);
      if (same === undefined) {
        clauses.set(key, { protocols, target: prefix, ports, sources: new Set(sources) });
      } else {
        for (const source of sources) same.sources.add(source);
      }
    }
  }
  return [...clauses.values()];
}

/** The clauses that fit into the memory we give them: the first ones. */
function clausesThatFit(clauses: readonly Clause[], counters: Counters): readonly Clause[] {
  let kept = clauses;
  for (;;) {
    const prefixes = kept.reduce((sum, { sources }) => sum + sources.size + 1, 0);
    const intervals = 3 * (2 * kept.length + 1);
    // At most: equal sets are kept once.
    if (Math.ceil(kept.length / 32) * (prefixes + intervals) <= WORDS_MAX) return kept;
    counters.add('filter-rules-over-limit');
    kept = kept.slice(0, kept.length >> 1);
  }
}

/** Which clauses name an address: those of the longest prefix that holds it, and of all prefixes around that. */
function prefixSets(
  family: IpFamily,
  sets: BitSets,
  clauses: readonly Clause[],
  prefixesOf: (clause: Clause) => Iterable<Prefix>,
): PrefixTrie<number> {
  const byPrefix = new Map<Prefix, number[]>();
  for (const [number, clause] of clauses.entries()) {
    for (const prefix of prefixesOf(clause)) {
      const numbers = byPrefix.get(prefix);
      if (numbers === undefined) byPrefix.set(prefix, [number]);
      else numbers.push(number);
    }
  }
  const trie = new PrefixTrie<number>(family === 4 ? 32 : 128);
  const outermostFirst = [...byPrefix]
    .map(([prefix, numbers]) => ({ prefix, numbers, bits: prefixBits(prefix) }))
    .sort((a, b) => a.bits - b.bits);
  // Thousands of sources are named by the same rules.
  const known = new Map<string, number>();
  for (const { prefix, numbers, bits } of outermostFirst) {
    const words = wordsOf(prefixAddress(prefix));
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
    const around = trie.lookup(w0, w1, w2, w3);
    const key = `${around ?? ''} ${numbers.join()}`;
    let at = known.get(key);
    if (at === undefined) {
      const draft = around === undefined ? sets.draft() : sets.draftOf(around);
      for (const number of numbers) addBit(draft, number);
      at = sets.keep(draft);
      known.set(key, at);
    }
    trie.insert(words, bits, at);
  }
  return trie;
}

/** The value for the address at `memory[at]`. Allocates nothing. */
function lookUp(
  trie: PrefixTrie<number>,
  isV4: boolean,
  memory: Uint8Array,
  at: number,
): number | undefined {
  const w0 = wordAt(memory, at);
  if (isV4) return trie.lookup(w0, 0, 0, 0);
  const w1 = wordAt(memory, at + 4);
  return trie.lookup(w0, w1, wordAt(memory, at + 8), wordAt(memory, at + 12));
}

function portTable(sets: BitSets, clauses: readonly Clause[], protocol: number): PortTable {
  const changes = new Map<number, { readonly begin: number[]; readonly end: number[] }>([
    [0, { begin: [], end: [] }],
  ]);
  const changesAt = (port: number) => {
    let here = changes.get(port);
    if (here === undefined) {
      here = { begin: [], end: [] };
      changes.set(port, here);
    }
    return here;
  };
  for (const [number, { protocols, ports }] of clauses.entries()) {
    if (!protocols.has(protocol)) continue;
    changesAt(ports.first).begin.push(number);
    changesAt(ports.last + 1).end.push(number);
  }
  const draft = sets.draft();
  const intervals = [...changes].sort(([a], [b]) => a - b);
  const offsets = intervals.map(([, { begin, end }]) => {
    for (const number of end) removeBit(draft, number);
    for (const number of begin) addBit(draft, number);
    return sets.keep(draft);
  });
  return { starts: Int32Array.from(intervals, ([start]) => start), sets: Int32Array.from(offsets) };
}

/** The set of the interval that holds `port`. */
function setAt({ starts, sets }: PortTable, port: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= port) low = middle;
    else high = middle - 1;
  }
  return sets[low] ?? 0;
}

/** All rules of one family. */
class FamilyMatcher {
  readonly clauses: number;
  readonly #family: IpFamily;
  readonly #icmp: number;
  readonly #sets: BitSets;
  readonly #sources: PrefixTrie<number>;
  readonly #targets: PrefixTrie<number>;
  readonly #tcp: PortTable;
  readonly #udp: PortTable;
  readonly #sctp: PortTable;
  /** Clauses with all ports, by protocols that have none. */
  readonly #portless = new Map<number, number>();

  constructor(family: IpFamily, clauses: readonly Clause[]) {
    const sets = new BitSets(clauses.length);
    this.clauses = clauses.length;
    this.#family = family;
    this.#icmp = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
    this.#sets = sets;
    this.#sources = prefixSets(family, sets, clauses, ({ sources }) => sources);
    this.#targets = prefixSets(family, sets, clauses, ({ target }) => [target]);
    this.#tcp = portTable(sets, clauses, PROTOCOL.tcp);
    this.#udp = portTable(sets, clauses, PROTOCOL.udp);
    this.#sctp = portTable(sets, clauses, PROTOCOL.sctp);
    for (const protocol of new Set(clauses.flatMap(({ protocols }) => [...protocols]))) {
      const draft = sets.draft();
      for (const [number, { protocols, ports }] of clauses.entries()) {
        if (protocols.has(protocol) && unlimited(ports)) addBit(draft, number);
      }
      this.#portless.set(protocol, sets.keep(draft));
    }
  }

  allows(
    memory: Uint8Array,
    sourceAt: number,
    targetAt: number,
    protocol: number,
    port: number,
  ): boolean {
    const isV4 = this.#family === 4;
    const source = lookUp(this.#sources, isV4, memory, sourceAt);
    if (source === undefined) return false;
    const target = lookUp(this.#targets, isV4, memory, targetAt);
    if (target === undefined) return false;
    if (protocol === this.#icmp) return this.#sets.meet(source, target);
    const named = this.#namedBy(protocol, port);
    return named !== undefined && this.#sets.meetAll(source, target, named);
  }

  #namedBy(protocol: number, port: number): number | undefined {
    switch (protocol) {
      case PROTOCOL.tcp:
        return setAt(this.#tcp, port);
      case PROTOCOL.udp:
        return setAt(this.#udp, port);
      case PROTOCOL.sctp:
        return setAt(this.#sctp, port);
      default:
        return this.#portless.get(protocol);
    }
  }
}

export class RuleMatcher {
  readonly #v4: FamilyMatcher;
  readonly #v6: FamilyMatcher;

  /** Of the rules, only what can concern targets inside `local` is kept. */
  constructor(rules: readonly FilterRule[], local: readonly Prefix[], counters: Counters) {
    const compile = (family: IpFamily): FamilyMatcher =>
      new FamilyMatcher(
        family,
        clausesThatFit(clausesOf(rules, family, local, counters), counters),
      );
    this.#v4 = compile(4);
    this.#v6 = compile(6);
  }

  /** What the rules came down to. */
  get clauses(): number {
    return this.#v4.clauses + this.#v6.clauses;
  }

  /**
   * True when a rule names the packet whose addresses stand at `memory[sourceAt]` and `memory[targetAt]`.
   * `port`: of the target, 0 for protocols without ports. Allocates nothing.
   */
  allows(
    memory: Uint8Array,
    version: number,
    sourceAt: number,
    targetAt: number,
    protocol: number,
    port: number,
  ): boolean {
    const family = version === 4 ? this.#v4 : this.#v6;
    return family.allows(memory, sourceAt, targetAt, protocol, port);
  }
}
