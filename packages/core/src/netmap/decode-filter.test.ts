import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { ALL_PORTS, DEFAULT_PROTOCOLS, type FilterRule } from '../engines/filter-rule.js';
import {
  applyFilterChange,
  decodeFilterChange,
  type FilterSets,
  filterRules,
} from './decode-filter.js';
import { filterNamesMax, filterPrefixesMax, filterRulesMax } from './limits.js';

const ANY = { IP: '*', Ports: { First: 0, Last: 65_535 } };
const from = (...SrcIPs: unknown[]): object => ({ SrcIPs, DstPorts: [ANY] });

/** The filter after some responses, and what was counted. */
function after(...responses: object[]): {
  readonly sets: FilterSets;
  readonly rules: readonly FilterRule[];
  readonly counts: Readonly<Record<string, number>>;
} {
  const counters = new Counters();
  let sets: FilterSets = new Map();
  for (const response of responses) {
    const change = decodeFilterChange(JSON.parse(JSON.stringify(response)), counters);
    if (change !== undefined) sets = applyFilterChange(sets, change, counters);
  }
  return { sets, rules: filterRules(sets), counts: counters.snapshot() };
}

const sourcesOf = (rules: readonly FilterRule[]): readonly string[] =>
  rules.flatMap(({ sources }) => sources);

test('a rule in all its forms', () => {
  const { rules, counts } = after({
    PacketFilters: {
      base: [
        {
          SrcIPs: ['*', '100.64.0.7', '10.0.0.0/8', '192.0.2.6-192.0.2.9', 'fd7a::1', '10.0.0.0/8'],
          DstPorts: [
            { IP: '100.64.0.1', Ports: { First: 22, Last: 22 } },
            { IP: 'fd7a::2-fd7a::3', Ports: { First: 80, Last: 443 } },
          ],
          IPProto: [6, 17, 6],
        },
        from('100.64.0.9/32'),
      ],
    },
  });
  expect(counts).toEqual({});
  expect(rules).toEqual([
    {
      protocols: [6, 17],
      sources: [
        ...['0.0.0.0/0', '::/0', '100.64.0.7/32', '10.0.0.0/8'],
        ...['192.0.2.6/31', '192.0.2.8/31', 'fd7a::1/128'],
      ],
      targets: [
        { prefix: '100.64.0.1/32', ports: { first: 22, last: 22 } },
        { prefix: 'fd7a::2/127', ports: { first: 80, last: 443 } },
      ],
    },
    {
      protocols: DEFAULT_PROTOCOLS,
      sources: ['100.64.0.9/32'],
      targets: ['0.0.0.0/0', '::/0'].map((prefix) => ({ prefix, ports: ALL_PORTS })),
    },
  ]);
});

test('the older field is the list named base; null says nothing, an empty one shuts', () => {
  const open = { PacketFilter: [from('10.0.0.1')] };
  expect(sourcesOf(after(open).rules)).toEqual(['10.0.0.1/32']);
  expect(sourcesOf(after(open, { PacketFilter: null }, {}).rules)).toEqual(['10.0.0.1/32']);
  expect(after(open, { PacketFilter: [] }).rules).toEqual([]);
  expect(after(open, { PacketFilters: { base: null } }).sets).toEqual(new Map());
  const both = { ...open, PacketFilters: { base: [from('10.0.0.2')] } };
  expect(sourcesOf(after(both).rules)).toEqual(['10.0.0.2/32']);
});

test('lists are replaced, emptied and deleted by name, and stand in the order of their names', () => {
  const start = { PacketFilters: { b: [from('10.0.0.2')], a: [from('10.0.0.1')], c: [] } };
  expect(sourcesOf(after(start).rules)).toEqual(['10.0.0.1/32', '10.0.0.2/32']);
  const replaced = after(start, { PacketFilters: { a: [from('10.0.0.9')], b: null, z: null } });
  expect(sourcesOf(replaced.rules)).toEqual(['10.0.0.9/32']);
  expect([...replaced.sets.keys()].sort()).toEqual(['a', 'c']);
  expect(after(start, { PacketFilters: { a: [] } }).rules).toHaveLength(1);
});

test('the name * with null clears all before the others come; with rules it is nothing', () => {
  const start = { PacketFilters: { a: [from('10.0.0.1')], b: [from('10.0.0.2')] } };
  const cleared = after(start, { PacketFilters: { b: [from('10.0.0.3')], '*': null } });
  expect([...cleared.sets.keys()]).toEqual(['b']);
  expect(sourcesOf(cleared.rules)).toEqual(['10.0.0.3/32']);
  expect(after(start, { PacketFilters: { '*': [from('*')] } }).sets.size).toBe(2);
  expect(after({ PacketFilter: [from('*')], PacketFilters: { '*': null } }).rules).toEqual([]);
});

test.each([
  ['an address', from('10.0.0.256', '10.0.0.1'), 'netmap-filter-address-malformed'],
  ['host bits', from('10.0.0.1/8', '10.0.0.1'), 'netmap-filter-address-malformed'],
  [
    'a range from high to low',
    from('10.0.0.9-10.0.0.1', '10.0.0.1'),
    'netmap-filter-address-malformed',
  ],
  ['a number', from(7, '10.0.0.1'), 'netmap-filter-address-malformed'],
  ['a capability', from('cap:funnel', '10.0.0.1'), 'netmap-filter-capability-ignored'],
  [
    'a target without ports',
    { SrcIPs: ['10.0.0.1'], DstPorts: [ANY, { IP: '*' }] },
    'netmap-filter-target-malformed',
  ],
  [
    'ports from high to low',
    { SrcIPs: ['10.0.0.1'], DstPorts: [ANY, { IP: '*', Ports: { First: 2, Last: 1 } }] },
    'netmap-filter-target-malformed',
  ],
  [
    'a port beyond 65535',
    { SrcIPs: ['10.0.0.1'], DstPorts: [ANY, { IP: '*', Ports: { First: 0, Last: 65_536 } }] },
    'netmap-filter-target-malformed',
  ],
  [
    'bits of a target',
    { SrcIPs: ['10.0.0.1'], DstPorts: [ANY, { ...ANY, Bits: 8 }] },
    'netmap-filter-target-malformed',
  ],
  [
    'a protocol',
    { ...from('10.0.0.1'), IPProto: [6, 256, 17, 1, 58] },
    'netmap-filter-protocol-malformed',
  ],
])('%s that is wrong costs itself and no more', (_, rule, count) => {
  const { rules, counts } = after({ PacketFilters: { base: [rule] } });
  expect(counts).toEqual({ [count]: 1 });
  expect(rules).toMatchObject([{ sources: ['10.0.0.1/32'] }]);
  expect(rules[0]?.targets).toHaveLength(2);
  expect([...(rules[0]?.protocols ?? [])].sort()).toEqual([...DEFAULT_PROTOCOLS].sort());
});

test.each([
  ['no object', 7],
  ['bits of its sources', { ...from('10.0.0.0'), SrcBits: [8] }],
  ['protocols that are none', { ...from('10.0.0.1'), IPProto: ['tcp'] }],
  ['protocols that are no list', { ...from('10.0.0.1'), IPProto: 6 }],
])('a rule with %s is dropped', (_, rule) => {
  const { rules, counts } = after({ PacketFilter: [rule, from('10.0.0.2')] });
  expect(sourcesOf(rules)).toEqual(['10.0.0.2/32']);
  expect(counts['netmap-filter-rule-malformed']).toBe(1);
});

test('rules that only grant capabilities, or name nobody, are passed over', () => {
  const grant = { SrcIPs: ['*'], CapGrant: [{ Dsts: ['100.64.0.1/32'], CapMap: { x: null } }] };
  const nobody = { SrcIPs: [], DstPorts: [ANY] };
  expect(after({ PacketFilter: [grant, nobody] })).toMatchObject({ rules: [], counts: {} });
});

test('more than fits is left out and counted', () => {
  const many = Array.from({ length: filterRulesMax + 5 }, () => from('10.0.0.1'));
  const tooMany = after({ PacketFilter: many });
  expect(tooMany.rules).toHaveLength(filterRulesMax);
  expect(tooMany.counts).toEqual({ 'netmap-filter-over-limit': 1 });
  // Each list fits, all together don't.
  const half = many.slice(0, filterRulesMax / 2 + 5);
  const together = after({ PacketFilters: { a: half } }, { PacketFilters: { b: half } });
  expect(together.rules).toHaveLength(filterRulesMax);
  expect(together.counts).toEqual({ 'netmap-filter-over-limit': 1 });
});

test('sources and targets of all rules together are bounded', () => {
  // 62 prefixes each.
  const wide = from(...Array.from({ length: 1000 }, () => '0.0.0.1-255.255.255.254'));
  const { rules, counts } = after({ PacketFilter: Array.from({ length: 5 }, () => wide) });
  expect(counts['netmap-filter-over-limit']).toBeGreaterThan(0);
  const cost = rules.reduce((sum, rule) => sum + rule.sources.length + rule.targets.length, 0);
  expect(cost).toBeLessThanOrEqual(filterPrefixesMax);
});

test('lists that come one by one hold no more than one that comes at once', () => {
  // 14 prefixes each, 14,000 a rule, 420,000 together.
  const ranges = Array.from({ length: 1000 }, (_, i) => `10.${i >> 8}.${i & 255}.`);
  const wide = from(...ranges.map((range) => `${range}1-${range}254`));
  const responses = Array.from({ length: 10 }, (_, i) => ({
    PacketFilters: { [`n${i}`]: [wide, wide, wide] },
  }));
  const spread = Array.from({ length: 40 }, (_, i) => ({
    PacketFilters: {
      [`m${i}`]: Array.from({ length: 300 }, (_, j) => from(`10.0.${i}.${j % 256}`)),
    },
  }));
  for (const all of [responses, spread]) {
    const { rules, sets, counts } = after(...all);
    expect([...sets.values()].flat()).toHaveLength(rules.length);
    expect(rules.length).toBe(all === spread ? filterRulesMax : 14);
    const cost = rules.reduce((sum, rule) => sum + rule.sources.length + rule.targets.length, 0);
    expect(cost).toBeLessThanOrEqual(filterPrefixesMax);
    if (all === spread) expect(counts).toEqual({ 'netmap-filter-over-limit': 7 });
  }
});

test('names are bounded, in one response and over all', () => {
  const names = (prefix: string, count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, []]));
  const { sets, counts } = after(
    { PacketFilters: names('a', filterNamesMax) },
    { PacketFilters: { ...names('b', 3), ['x'.repeat(1000)]: [], a1: null } },
  );
  // One place became free.
  expect(sets.size).toBe(filterNamesMax);
  expect(counts).toEqual({ 'netmap-filter-over-limit': 3 });
});

test('any JSON is read without a word', () => {
  const json = fc.jsonValue({ maxDepth: 5 });
  const text = fc.oneof(
    fc.constantFrom('*', '-', '/', '1.2.3.4-', 'cap:', '::-::1/8'),
    fc.string(),
  );
  const rule = fc.record(
    {
      SrcIPs: fc.oneof(json, fc.array(text)),
      DstPorts: fc.oneof(json, fc.array(fc.record({ IP: text, Ports: json }))),
      IPProto: json,
      SrcBits: json,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(json, fc.array(rule)),
      fc.oneof(json, fc.dictionary(fc.string(), fc.oneof(json, fc.array(rule)))),
      (PacketFilter, PacketFilters) => {
        const { rules } = after({ PacketFilter, PacketFilters });
        for (const { sources, targets, protocols } of rules) {
          expect(Math.min(sources.length, targets.length, protocols.length)).toBeGreaterThan(0);
        }
      },
    ),
  );
});
