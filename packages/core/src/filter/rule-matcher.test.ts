import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { ALL_PORTS, type FilterRule, PROTOCOL } from '../engines/filter-rule.js';
import { addressBytes, familyOf, type IpAddress } from '../ip/address.js';
import { type Prefix, prefixContains, prefixOf } from '../ip/prefix.js';
import { CLAUSES_MAX } from './limits.js';
import { RuleMatcher } from './rule-matcher.js';

const EVERYTHING = ['0.0.0.0/0', '::/0'] as Prefix[];

interface Probe {
  readonly source: IpAddress;
  readonly target: IpAddress;
  readonly protocol: number;
  readonly port: number;
}

/** What the rules mean, word for word. */
function isNamed(rules: readonly FilterRule[], { source, target, protocol, port }: Probe): boolean {
  const isV4 = familyOf(source) === 4;
  const isIcmp = protocol === (isV4 ? PROTOCOL.icmp : PROTOCOL.icmpv6);
  const hasPorts = [PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.sctp].some((own) => own === protocol);
  return rules.some(
    (rule) =>
      (isIcmp || rule.protocols.includes(protocol)) &&
      rule.sources.some((prefix) => prefixContains(prefix, source)) &&
      rule.targets.some(
        ({ prefix, ports: { first, last } }) =>
          prefixContains(prefix, target) &&
          (isIcmp || (hasPorts ? first <= port && port <= last : first === 0 && last === 65_535)),
      ),
  );
}

function allows(matcher: RuleMatcher, { source, target, protocol, port }: Probe): boolean {
  const memory = new Uint8Array(40);
  memory.set(addressBytes(source), 5);
  memory.set(addressBytes(target), 23);
  return matcher.allows(memory, familyOf(source), 5, 23, protocol, port);
}

// Few bits vary, so that prefixes nest and packets hit.
const v4 = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }))
  .map(([c, d]) => `100.64.${c << 6}.${d << 5}` as IpAddress);
const v6 = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 7 }))
  .map(([c, d]) => (d === 0 && c === 0 ? 'fd7a::' : `fd7a::${c + 1}:${d + 1}`) as IpAddress);
const prefix = fc.oneof(
  fc.tuple(v4, fc.constantFrom(0, 10, 18, 24, 27, 32)).map(([a, bits]) => prefixOf(a, bits)),
  fc.tuple(v6, fc.constantFrom(0, 16, 96, 112, 126, 128)).map(([a, bits]) => prefixOf(a, bits)),
);
const port = fc.oneof(fc.constantFrom(0, 1, 22, 80, 443, 65_534, 65_535), fc.nat(65_535));
const ports = fc.oneof(
  fc.constant(ALL_PORTS),
  fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
);
const protocol = fc.constantFrom(1, 6, 17, 58, 132, 47);
const rule: fc.Arbitrary<FilterRule> = fc.record({
  protocols: fc.uniqueArray(protocol, { minLength: 1, maxLength: 4 }),
  sources: fc.array(prefix, { minLength: 1, maxLength: 5 }),
  targets: fc.array(fc.record({ prefix, ports }), { minLength: 1, maxLength: 4 }),
});
const probe: fc.Arbitrary<Probe> = fc.oneof(
  fc.record({ source: v4, target: v4, protocol, port }),
  fc.record({ source: v6, target: v6, protocol, port }),
);

test('what is compiled means what the rules say', () => {
  let named = 0;
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 60 }),
      fc.array(probe, { minLength: 20, maxLength: 40 }),
      (rules, probes) => {
        const counters = new Counters();
        const matcher = new RuleMatcher(rules, EVERYTHING, counters);
        for (const one of probes) {
          const wanted = isNamed(rules, one);
          if (wanted) named++;
          expect(allows(matcher, one)).toBe(wanted);
        }
        expect(counters.snapshot()).toEqual({});
      },
    ),
    { numRuns: 400 },
  );
  expect(named).toBeGreaterThan(500);
});

test('the edges of every port interval are exact', () => {
  fc.assert(
    fc.property(fc.array(ports, { minLength: 1, maxLength: 40 }), (ranges) => {
      const rules = ranges.map(
        (range, i): FilterRule => ({
          protocols: [i % 2 === 0 ? 6 : 17],
          sources: ['0.0.0.0/0' as Prefix],
          targets: [{ prefix: '0.0.0.0/0' as Prefix, ports: range }],
        }),
      );
      const matcher = new RuleMatcher(rules, EVERYTHING, new Counters());
      const edges = ranges.flatMap(({ first, last }) => [first - 1, first, last, last + 1]);
      for (const edge of edges.filter((at) => at >= 0 && at <= 65_535)) {
        for (const proto of [6, 17]) {
          const one = {
            source: '9.9.9.9',
            target: '8.8.8.8',
            protocol: proto,
            port: edge,
          } as Probe;
          expect(allows(matcher, one)).toBe(isNamed(rules, one));
        }
      }
    }),
  );
});

const open = (target: string, first = 0, last = 65_535, source = '0.0.0.0/0'): FilterRule => ({
  protocols: [6],
  sources: [source as Prefix],
  targets: [{ prefix: target as Prefix, ports: { first, last } }],
});

test('rules about other machines cost nothing', () => {
  const local = ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128', '10.1.0.0/16'] as Prefix[];
  const rules = [
    open('100.64.0.2/32'),
    open('10.2.0.0/16'),
    open('100.64.0.0/10', 22, 22),
    open('10.1.7.0/24', 80, 80),
    open('0.0.0.0/0', 443, 443),
  ];
  expect(new RuleMatcher(rules, local, new Counters()).clauses).toBe(3);
  expect(new RuleMatcher(rules, [], new Counters()).clauses).toBe(0);
});

test('rules that differ only in their sources are one clause', () => {
  const rules = Array.from({ length: 500 }, (_, i) =>
    open('100.64.0.1/32', 443, 443, `100.64.${i >> 8}.${i & 255}/32`),
  );
  const matcher = new RuleMatcher(rules, EVERYTHING, new Counters());
  expect(matcher.clauses).toBe(1);
  const at = (source: string): boolean =>
    allows(matcher, { source, target: '100.64.0.1', protocol: 6, port: 443 } as Probe);
  expect([at('100.64.1.243'), at('100.64.1.244')]).toEqual([true, false]);
});

test('rules beyond the bounds are left out and counted, the others hold', () => {
  const counters = new Counters();
  const rules = Array.from({ length: CLAUSES_MAX + 10 }, (_, i) =>
    open('100.64.0.1/32', i + 1, i + 1),
  );
  const matcher = new RuleMatcher(rules, EVERYTHING, counters);
  expect(counters.get('filter-rules-over-limit')).toBeGreaterThan(0);
  expect(matcher.clauses).toBeLessThanOrEqual(CLAUSES_MAX);
  const at = (to: number): boolean =>
    allows(matcher, { source: '9.9.9.9', target: '100.64.0.1', protocol: 6, port: to } as Probe);
  expect([at(1), at(CLAUSES_MAX + 9)]).toEqual([true, false]);
});

test('more pairs of sources and targets than fit are not compiled', () => {
  const counters = new Counters();
  const sources = Array.from({ length: 3000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24` as Prefix);
  const targets = Array.from({ length: 400 }, (_, i) => ({
    prefix: `100.64.${i >> 8}.${i & 255}/32` as Prefix,
    ports: ALL_PORTS,
  }));
  const rules = [open('100.64.0.1/32'), { protocols: [17], sources, targets }];
  expect(new RuleMatcher(rules, EVERYTHING, counters).clauses).toBe(1);
  expect(counters.snapshot()).toEqual({ 'filter-rules-over-limit': 1 });
});
