import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PortRange } from '../engines/filter-rule.js';
import type { IpAddress } from '../ip/address.js';
import type { Prefix } from '../ip/prefix.js';
import type { WireFilterRule } from '../netmap/wire.js';
import type { AccessNode } from './access-node.js';
import { AccessTable } from './access-table.js';
import {
  type AddressRange,
  OVERLAY_RANGES,
  parseAddressRange,
  rangeContains,
  rangesOverlap,
} from './address-set.js';
import { CompiledPolicy } from './compiled-policy.js';
import { FilterBook } from './filter-rules.js';
import { type AccessRule, OPEN_POLICY, type Policy } from './policy.js';
import type { Selector } from './selector.js';

const range = (text: string): AddressRange => {
  const parsed = parseAddressRange(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const addresses = (text: string): Selector => ({ kind: 'addresses', text, range: range(text) });

const USERS = ['ann@one', 'bob@one', 'eve@two'];
const TAGS = ['tag:web', 'tag:db'];
const groups = new Map([
  ['group:ab', ['ann@one', 'bob@']],
  ['group:none', []],
]);

function nodeOf(
  id: number,
  owner: number,
  tags: readonly string[],
  routes: readonly string[] = [],
): AccessNode {
  return {
    id,
    userId: tags.length > 0 ? 0 : owner + 1,
    login: tags.length > 0 ? '' : (USERS[owner] ?? ''),
    tags,
    addresses: [`100.64.0.${id}`, `fd7a:115c:a1e0::${id.toString(16)}`] as IpAddress[],
    routes: routes as readonly Prefix[],
  };
}

const anyNode = (id: number): fc.Arbitrary<AccessNode> =>
  fc
    .record({
      owner: fc.nat(USERS.length - 1),
      tags: fc.oneof(fc.constant([]), fc.subarray(TAGS, { minLength: 1 })),
      routes: fc.subarray(['10.1.0.0/16', '0.0.0.0/0'], { maxLength: 1 }),
      hasRoutes: fc.boolean(),
    })
    .map(({ owner, tags, routes, hasRoutes }) => nodeOf(id, owner, tags, hasRoutes ? routes : []));

const shared: readonly Selector[] = [
  { kind: 'any' },
  { kind: 'user', user: 'ann@one' },
  { kind: 'user', user: 'eve@' },
  { kind: 'group', group: 'group:ab' },
  { kind: 'group', group: 'group:none' },
  ...TAGS.map((tag): Selector => ({ kind: 'tag', tag })),
  { kind: 'member' },
  { kind: 'tagged' },
  ...['100.64.0.2', '100.64.0.0/30', 'fd7a:115c:a1e0::3', '10.1.2.0/24', '192.0.2.7'].map(
    addresses,
  ),
];
const sources = fc.subarray([...shared, { kind: 'danger-all' } as Selector], {
  minLength: 1,
  maxLength: 3,
});
const targets = fc.subarray([...shared, { kind: 'internet' } as Selector], {
  minLength: 1,
  maxLength: 3,
});
const ports = fc.constantFrom<PortRange>({ first: 22, last: 22 }, { first: 0, last: 65_535 });
const rule: fc.Arbitrary<AccessRule> = fc
  .oneof(
    fc.record({ sources, targets }),
    fc.constant<{ sources: readonly Selector[]; targets: readonly Selector[] }>({
      sources: [{ kind: 'group', group: 'group:ab' }],
      targets: [{ kind: 'self' }],
    }),
  )
  .chain((ends) =>
    ports.map((one) => ({
      line: 1,
      ...ends,
      allows: [{ protocols: undefined, ports: [one] }],
      capabilities: new Map(),
    })),
  );

const policyOf = (rules: readonly AccessRule[]): Policy => ({
  ...OPEN_POLICY,
  groups,
  isOpen: false,
  rules,
});

/** The same questions, answered from the words of the policy, pair by pair. */
class Naive {
  readonly rules: readonly AccessRule[];
  readonly nodes: readonly AccessNode[];

  constructor(rules: readonly AccessRule[], nodes: readonly AccessNode[]) {
    this.rules = rules;
    this.nodes = nodes;
  }

  named(selector: Selector, node: AccessNode): boolean {
    const isTagged = node.tags.length > 0;
    switch (selector.kind) {
      case 'any':
      case 'danger-all':
        return true;
      case 'member':
        return !isTagged;
      case 'tagged':
        return isTagged;
      case 'user':
        return !isTagged && sameUser(selector.user, node.login);
      case 'group':
        return (
          !isTagged && (groups.get(selector.group) ?? []).some((user) => sameUser(user, node.login))
        );
      case 'tag':
        return node.tags.includes(selector.tag);
      default:
        return false;
    }
  }

  placed(selector: Selector, node: AccessNode): boolean {
    if (selector.kind === 'internet') return node.routes.includes('0.0.0.0/0' as Prefix);
    if (selector.kind !== 'addresses') return false;
    return (
      node.addresses.some((address) => rangeContains(selector.range, range(address))) ||
      subnets(node).some((route) => rangesOverlap(selector.range, range(route)))
    );
  }

  reaches(from: AccessNode, to: AccessNode): boolean {
    const isIn = (list: readonly Selector[], node: AccessNode): boolean =>
      list.some((selector) => this.named(selector, node) || this.placed(selector, node));
    return this.rules.some((one) =>
      one.targets[0]?.kind === 'self'
        ? from.userId !== 0 &&
          from.userId === to.userId &&
          one.sources.some((who) => this.named(who, from))
        : isIn(one.sources, from) && isIn(one.targets, to),
    );
  }

  sees(one: AccessNode, other: AccessNode): boolean {
    return one.id !== other.id && (this.reaches(one, other) || this.reaches(other, one));
  }

  /** Whether a packet from one address to another and a port gets in at a node. */
  admits(node: AccessNode, from: string, to: string, port: number): boolean {
    const source = this.nodes.find((candidate) => candidate.addresses.some((one) => one === from));
    const isFrom = (selector: Selector): boolean => {
      if (selector.kind === 'danger-all') return true;
      if (selector.kind === 'addresses') return rangeContains(selector.range, range(from));
      if (selector.kind === 'any') {
        const routes = this.nodes.flatMap(subnets).map(range);
        return [...OVERLAY_RANGES, ...routes].some((one) => rangeContains(one, range(from)));
      }
      return source !== undefined && this.named(selector, source);
    };
    const isOurs = node.addresses.some((one) => one === to);
    const isTo = (selector: Selector): boolean => {
      if (selector.kind === 'any') return true;
      if (selector.kind === 'addresses') {
        return this.placed(selector, node) && rangeContains(selector.range, range(to));
      }
      return isOurs && this.named(selector, node);
    };
    return this.rules.some((one) => {
      const isPort = one.allows.some((allow) =>
        allow.ports.some(({ first, last }) => first <= port && port <= last),
      );
      if (!isPort) return false;
      if (one.targets[0]?.kind !== 'self')
        return one.sources.some(isFrom) && one.targets.some(isTo);
      return (
        isOurs &&
        source !== undefined &&
        source.userId !== 0 &&
        source.userId === node.userId &&
        one.sources.some((who) => this.named(who, node))
      );
    });
  }
}

const subnets = (node: AccessNode): readonly Prefix[] =>
  node.routes.filter((route) => route !== '0.0.0.0/0');

function sameUser(pattern: string, login: string): boolean {
  return pattern.endsWith('@') ? login.startsWith(pattern) : login === pattern;
}

/** As a client reads it. */
function lets(filter: readonly WireFilterRule[], from: string, to: string, port: number): boolean {
  const holds = (text: string, address: string): boolean => {
    if (text === '*') return true;
    const [first = '', last] = text.split('-');
    if (last === undefined) return rangeContains(range(first), range(address));
    return rangeContains({ ...range(first), last: range(last).last }, range(address));
  };
  return filter.some(
    ({ SrcIPs, DstPorts = [] }) =>
      SrcIPs.some((source) => holds(source, from)) &&
      DstPorts.some(({ IP, Ports }) => holds(IP, to) && Ports.First <= port && port <= Ports.Last),
  );
}

const NODES = [1, 2, 3, 4, 5, 6];
const PROBES = ['10.1.2.3', '192.0.2.7', '198.51.100.1'];

type Step = { readonly put: AccessNode } | { readonly remove: number };
const step: fc.Arbitrary<Step> = fc.constantFrom(...NODES).chain((id) =>
  fc.oneof(
    anyNode(id).map((put) => ({ put })),
    fc.constant({ remove: id }),
  ),
);

describe('whatever comes, changes and goes', () => {
  test('visibility is what the rules say of each pair, and a change tells exactly what became of it', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        fc.array(step, { maxLength: 12 }),
        (rules, steps) => {
          const table = new AccessTable(new CompiledPolicy(policyOf(rules)));
          const present = new Map<number, AccessNode>();
          const pairs = (): Set<string> => {
            const naive = new Naive(rules, [...present.values()]);
            const all = [...present.values()];
            return new Set(
              all.flatMap((one) =>
                all
                  .filter((other) => naive.sees(one, other))
                  .map((other) => `${one.id} ${other.id}`),
              ),
            );
          };
          for (const one of steps) {
            const before = pairs();
            const id = 'put' in one ? one.put.id : one.remove;
            if ('put' in one) present.set(id, one.put);
            else present.delete(id);
            const change = 'put' in one ? table.put(one.put) : table.remove(id);
            const after = pairs();
            const seen = NODES.flatMap((a) => [...table.peersOf(a)].map((b) => `${a} ${b}`));
            expect(new Set(seen)).toEqual(after);
            expect(
              seen.every((pair) =>
                table.sees(...(pair.split(' ').map(Number) as [number, number])),
              ),
            ).toBe(true);
            const told = new Set(before);
            for (const peer of change.lost)
              for (const pair of [`${id} ${peer}`, `${peer} ${id}`]) told.delete(pair);
            for (const peer of change.gained)
              for (const pair of [`${id} ${peer}`, `${peer} ${id}`]) told.add(pair);
            expect(told).toEqual(after);
          }
          const fresh = new AccessTable(table.compiled, present.values());
          expect(table.classCount).toBe(fresh.classCount);
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);

  test('a filter lets in what the rules let through, and stays the same object while it is the same', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        fc.array(step, { maxLength: 10 }),
        (rules, steps) => {
          const table = new AccessTable(new CompiledPolicy(policyOf(rules)));
          const book = new FilterBook(table);
          const present = new Map<number, AccessNode>();
          for (const one of steps) {
            const id = 'put' in one ? one.put.id : one.remove;
            const before = new Map(
              [...present.keys()].map((known) => [known, book.filterOf(known)]),
            );
            if ('put' in one) present.set(id, one.put);
            else present.delete(id);
            book.invalidate(('put' in one ? table.put(one.put) : table.remove(id)).affected);
            const fresh = new FilterBook(new AccessTable(table.compiled, present.values()));
            for (const known of present.keys()) {
              const filter = book.filterOf(known);
              expect(sorted(filter)).toEqual(sorted(fresh.filterOf(known)));
              const old = before.get(known);
              if (old !== undefined && JSON.stringify(old) === JSON.stringify(filter))
                expect(filter).toBe(old);
            }
          }
          const naive = new Naive(rules, [...present.values()]);
          const froms = [...[...present.values()].flatMap((node) => node.addresses), ...PROBES];
          for (const node of present.values()) {
            const filter = book.filterOf(node.id);
            for (const from of froms) {
              for (const to of [...node.addresses, '10.1.2.3']) {
                if (to.includes(':') !== from.includes(':')) continue;
                for (const port of [22, 80]) {
                  expect([node.id, from, to, port, lets(filter, from, to, port)]).toEqual([
                    ...[node.id, from, to, port],
                    naive.admits(node, from, to, port),
                  ]);
                }
              }
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);
});

function sorted(filter: readonly WireFilterRule[]): readonly string[] {
  return filter.map((one) => JSON.stringify(one)).sort();
}

function tableOf(rules: readonly AccessRule[], nodes: readonly AccessNode[]): AccessTable {
  return new AccessTable(new CompiledPolicy(policyOf(rules)), nodes);
}

const ruleOf = (
  from: readonly Selector[],
  to: readonly Selector[],
  more: Partial<AccessRule> = {},
): AccessRule => ({
  ...{ line: 1, sources: from, targets: to, capabilities: new Map() },
  allows: [{ protocols: undefined, ports: [{ first: 22, last: 22 }] }],
  ...more,
});
const web: Selector = { kind: 'tag', tag: 'tag:web' };
const ann: Selector = { kind: 'user', user: 'ann@one' };
const everybody: Selector = { kind: 'any' };

describe('a filter', () => {
  test('without a policy lets the whole network in everywhere', () => {
    const table = new AccessTable(new CompiledPolicy(OPEN_POLICY), [
      nodeOf(1, 0, []),
      nodeOf(2, 1, []),
    ]);
    const book = new FilterBook(table);
    expect(book.filterOf(1)).toEqual([
      {
        SrcIPs: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
        DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }],
      },
    ]);
    expect(book.filterOf(2)).toBe(book.filterOf(1));
    expect([...table.peersOf(1)]).toEqual([2]);
  });

  test('names neighbouring addresses as one range, and the node itself as target', () => {
    const nodes = [nodeOf(1, 0, []), nodeOf(2, 0, []), nodeOf(3, 0, []), nodeOf(9, 0, ['tag:web'])];
    const book = new FilterBook(tableOf([ruleOf([ann], [web])], nodes));
    expect(book.filterOf(9)).toEqual([
      {
        SrcIPs: ['100.64.0.1-100.64.0.3', 'fd7a:115c:a1e0::1-fd7a:115c:a1e0::3'],
        DstPorts: ['100.64.0.9', 'fd7a:115c:a1e0::9'].map((IP) => ({
          IP,
          Ports: { First: 22, Last: 22 },
        })),
      },
    ]);
    expect(book.filterOf(1)).toEqual([]);
    expect(book.filterOf(2)).toBe(book.filterOf(1));
  });

  test('puts rules of the same sources and protocols together, and keeps protocols apart', () => {
    const port = (first: number, protocols?: readonly number[]) => ({
      allows: [{ protocols, ports: [{ first, last: first }] }],
    });
    const rules = [
      ruleOf([ann], [web], port(22)),
      ruleOf([ann], [everybody], port(80)),
      ruleOf([ann], [web], port(53, [17])),
      ruleOf([ann], [web], port(22)),
    ];
    const book = new FilterBook(tableOf(rules, [nodeOf(1, 0, []), nodeOf(9, 0, ['tag:web'])]));
    const filter = book.filterOf(9);
    expect(filter.map(({ IPProto, DstPorts = [] }) => [IPProto, DstPorts.length])).toEqual([
      [undefined, 3],
      [[17], 2],
    ]);
    expect(filter[0]?.SrcIPs).toBe(filter[1]?.SrcIPs);
  });

  test('has capabilities in rules of their own, and the companion in the other direction', () => {
    const grant = ruleOf([ann], [web], {
      allows: [],
      capabilities: new Map([
        ['tailscale.com/cap/drive', [{ shares: ['*'], access: 'rw' }]],
        ['example.com/cap/app', []],
      ]),
    });
    const table = tableOf([grant], [nodeOf(1, 0, []), nodeOf(9, 0, ['tag:web'])]);
    const book = new FilterBook(table);
    const own = (id: number) => [`100.64.0.${id}/32`, `fd7a:115c:a1e0::${id}/128`];
    expect(book.filterOf(9)).toEqual([
      {
        SrcIPs: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
        CapGrant: [
          {
            Dsts: own(9),
            CapMap: {
              'tailscale.com/cap/drive': [{ shares: ['*'], access: 'rw' }],
              'example.com/cap/app': null,
            },
          },
        ],
      },
    ]);
    expect(book.filterOf(1)).toEqual([
      {
        SrcIPs: ['100.64.0.9', 'fd7a:115c:a1e0::9'],
        CapGrant: [{ Dsts: own(1), CapMap: { 'tailscale.com/cap/drive-sharer': null } }],
      },
    ]);
    expect(table.sees(1, 9)).toBe(true);
  });

  test('of an exit node has the internet, of a router the subnet that the rule names', () => {
    const nodes = [
      nodeOf(1, 0, []),
      nodeOf(2, 1, [], ['0.0.0.0/0']),
      nodeOf(3, 1, [], ['10.1.0.0/16']),
    ];
    const book = new FilterBook(
      tableOf([ruleOf([ann], [{ kind: 'internet' }, addresses('10.0.0.0/8')])], nodes),
    );
    const ips = (id: number) =>
      book.filterOf(id).flatMap(({ DstPorts = [] }) => DstPorts.map(({ IP }) => IP));
    expect(ips(1)).toEqual([]);
    expect(ips(3)).toEqual(['10.0.0.0/8']);
    expect(ips(2)).toEqual([
      '0.0.0.0-9.255.255.255',
      '11.0.0.0-100.63.255.255',
      '100.128.0.0-169.253.255.255',
      '169.255.0.0-172.15.255.255',
      '172.32.0.0-192.167.255.255',
      '192.169.0.0-255.255.255.255',
      '2000::/3',
    ]);
  });

  test('whose sources are everybody is not touched by who comes', () => {
    const table = tableOf([ruleOf([everybody], [web])], [nodeOf(9, 0, ['tag:web'])]);
    expect([...table.put(nodeOf(1, 0, [])).affected]).toEqual([1]);
    expect([...table.put(nodeOf(2, 0, [], ['10.1.0.0/16'])).affected].sort()).toEqual([2, 9]);
    expect(table.sourceAddresses(0)).toContain('10.1.0.0/16');
  });
});

test('a change that policies do not look at changes nothing', () => {
  const table = tableOf([ruleOf([ann], [web])], [nodeOf(1, 0, []), nodeOf(9, 0, ['tag:web'])]);
  const change = table.put({ ...nodeOf(1, 0, []) });
  expect([change.gained, change.lost, change.affected.size]).toEqual([[], [], 0]);
  expect([...table.put(nodeOf(1, 0, ['tag:db'])).lost]).toEqual([9]);
  expect(table.classCount).toBe(2);
});
