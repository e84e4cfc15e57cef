import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { decodeDnsConfig } from './decode-dns.js';
import { dnsRecordsMax, dnsResolversMax, dnsRoutesMax } from './limits.js';

function decode(value: unknown): {
  config: ReturnType<typeof decodeDnsConfig>;
  counts: Readonly<Record<string, number>>;
} {
  const counters = new Counters();
  return { config: decodeDnsConfig(value, counters), counts: counters.snapshot() };
}

const plain = (endpoint: string): object => ({ kind: 'plain', endpoint });

test('a whole configuration', () => {
  const { config, counts } = decode({
    Proxied: true,
    Domains: ['Net.Example', 'corp.example.'],
    CertDomains: ['alpha.net.example'],
    Resolvers: [{ Addr: '1.1.1.1' }, { Addr: '2606:4700::1111' }, { Addr: '9.9.9.9:5353' }],
    FallbackResolvers: [{ Addr: 'https://dns.nextdns.io/abc' }],
    Routes: { 'corp.example.': [{ Addr: '10.0.0.53' }], 'net.example': [], 'x.example': null },
    ExtraRecords: [
      { Name: 'wiki.net.example.', Value: '100.64.0.7' },
      { Name: 'wiki.net.example', Type: 'AAAA', Value: 'fd7a:115c:a1e0::7' },
    ],
  });
  expect(counts).toEqual({});
  expect(config).toEqual({
    proxied: true,
    domains: ['net.example', 'corp.example'],
    certDomains: ['alpha.net.example'],
    resolvers: [plain('1.1.1.1:53'), plain('[2606:4700::1111]:53'), plain('9.9.9.9:5353')],
    fallbackResolvers: [{ kind: 'https', url: 'https://dns.nextdns.io/abc' }],
    routes: new Map<string, object[]>([
      ['corp.example', [plain('10.0.0.53:53')]],
      ['net.example', []],
      ['x.example', []],
    ]),
    extraRecords: [
      { name: 'wiki.net.example', address: '100.64.0.7' },
      { name: 'wiki.net.example', address: 'fd7a:115c:a1e0::7' },
    ],
  });
});

test('nothing said is no statement; an empty object takes everything back', () => {
  expect(decode(undefined).config).toBeUndefined();
  expect(decode(null).config).toBeUndefined();
  expect(decode([]).config).toBeUndefined();
  expect(decode({}).config).toMatchObject({ proxied: false, resolvers: [], domains: [] });
});

test.each([
  [{ Resolvers: [{ Addr: 'dns.example' }] }, 'netmap-dns-resolver-malformed'],
  [{ Resolvers: [{ Addr: 'http://10.0.0.1/dns' }] }, 'netmap-dns-resolver-malformed'],
  [{ Resolvers: [7] }, 'netmap-dns-resolver-malformed'],
  [{ Domains: ['a..b'] }, 'netmap-dns-domain-malformed'],
  [{ Domains: ['.'] }, 'netmap-dns-domain-malformed'],
  [{ CertDomains: [{}] }, 'netmap-dns-domain-malformed'],
  [
    { ExtraRecords: [{ Name: 'a.example', Type: 'TXT', Value: 'x' }] },
    'netmap-dns-record-malformed',
  ],
  [
    { ExtraRecords: [{ Name: 'a.example', Type: 'AAAA', Value: '10.0.0.1' }] },
    'netmap-dns-record-malformed',
  ],
])('%j costs itself', (value, count) => {
  const { config, counts } = decode(value);
  expect(counts).toEqual({ [count]: 1 });
  expect(config).toEqual(decode({}).config);
});

test('a route whose resolvers are all unusable is no route: its names are not taken for ours', () => {
  const { config, counts } = decode({ Routes: { 'corp.example': [{ Addr: 'x' }] } });
  expect(config?.routes.size).toBe(0);
  expect(counts).toEqual({ 'netmap-dns-resolver-malformed': 1, 'netmap-dns-route-malformed': 1 });
});

test('limits', () => {
  const many = <T>(count: number, make: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const { config } = decode({
    Resolvers: many(dnsResolversMax + 5, (i) => ({ Addr: `10.0.0.${i}` })),
    Routes: Object.fromEntries(many(dnsRoutesMax + 5, (i) => [`n${i}.example`, []])),
    ExtraRecords: many(dnsRecordsMax + 5, (i) => ({ Name: `n${i}.example`, Value: '10.0.0.1' })),
    Domains: many(100, (i) => `n${i}.example`),
  });
  expect(config?.resolvers).toHaveLength(dnsResolversMax);
  expect(config?.routes.size).toBe(dnsRoutesMax);
  expect(config?.extraRecords).toHaveLength(dnsRecordsMax);
  expect(config?.domains).toHaveLength(64);
});

test('any JSON is read without a word', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const config = fc.record(
    {
      Proxied: json,
      Resolvers: json,
      FallbackResolvers: fc.array(fc.record({ Addr: fc.oneof(json, fc.string()) })),
      Routes: fc.oneof(json, fc.dictionary(fc.string(), json)),
      Domains: fc.oneof(json, fc.array(fc.string())),
      ExtraRecords: fc.oneof(json, fc.array(fc.record({ Name: fc.string(), Value: fc.string() }))),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(json, config), (value) => {
      decode(value);
    }),
  );
});
