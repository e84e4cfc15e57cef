import { expect, test } from 'vitest';
import { type DnsNetwork, NO_DNS, resolverConfigOf, systemDnsOf } from './dns-config.js';
import { parseName } from './name.js';
import type { NamedNode } from './node-names.js';
import { isRouted, upstreamsOf } from './resolver-config.js';
import { formatUpstream, parseUpstream, type Upstream } from './upstream.js';

const name = (text: string) => parseName(text) ?? (text as never);
const resolvers = (...texts: string[]): Upstream[] =>
  texts.map((text) => parseUpstream(text) as Upstream);

const self = {
  name: 'alpha.net.example.',
  addresses: ['100.64.0.7/32', 'fd7a:115c:a1e0::7/128'],
} as unknown as NamedNode;

function network(dns: Partial<DnsNetwork['dns']>): DnsNetwork {
  return { dns: { ...NO_DNS, ...dns }, self, nodes: () => [self], withIpv6: false };
}

const magic = network({ proxied: true, domains: [name('net.example')] });
const asked = (of: DnsNetwork, text: string, acceptDns = true): string[] => {
  const systemResolvers = resolvers('192.0.2.53');
  const config = resolverConfigOf(of, { acceptDns, systemResolvers });
  return upstreamsOf(config, name(text)).map(formatUpstream);
};

test("names of the network are its own, everything else is the system's", () => {
  const config = resolverConfigOf(magic, { acceptDns: true, systemResolvers: [] });
  expect(config.suffixes.has(name('net.example'))).toBe(true);
  expect(config.suffixes.has(name('100.100.in-addr.arpa'))).toBe(true);
  expect(config.suffixes.has(name('63.100.in-addr.arpa'))).toBe(false);
  expect(config.names.addressesOf(name('alpha.net.example'))).toEqual(['100.64.0.7']);
  expect(asked(magic, 'www.example')).toEqual(['192.0.2.53']);
});

test("control's resolvers go before the system's, fall-backs after", () => {
  expect(asked(network({ resolvers: resolvers('9.9.9.9') }), 'www.example')).toEqual(['9.9.9.9']);
  const fallback = network({ fallbackResolvers: resolvers('9.9.9.9') });
  expect(asked(fallback, 'www.example')).toEqual(['192.0.2.53']);
  const config = resolverConfigOf(fallback, { acceptDns: true, systemResolvers: [] });
  expect(upstreamsOf(config, name('www.example')).map(formatUpstream)).toEqual(['9.9.9.9']);
});

test('routes: resolvers of a suffix, suffixes of our own, the root', () => {
  const dns = {
    routes: new Map([
      [name('corp.example'), resolvers('10.0.0.53')],
      [name('ours.example'), []],
    ]),
  };
  expect(asked(network(dns), 'a.corp.example')).toEqual(['10.0.0.53']);
  const config = resolverConfigOf(network(dns), { acceptDns: true, systemResolvers: [] });
  expect(config.suffixes.has(name('ours.example'))).toBe(true);
  expect(isRouted(config, name('x.ours.example'))).toBe(false);
  const root = network({ routes: new Map([[name('.'), resolvers('10.0.0.9')]]) });
  expect(asked(root, 'www.example')).toEqual(['10.0.0.9']);
  expect(systemDnsOf(root, true)?.matchDomains).toBeUndefined();
});

test('not accepted: names are answered, nothing else is taken, the system is left alone', () => {
  const all = network({
    ...magic.dns,
    resolvers: resolvers('9.9.9.9'),
    routes: new Map([[name('corp.example'), resolvers('10.0.0.53')]]),
  });
  expect(asked(all, 'a.corp.example', false)).toEqual([]);
  const config = resolverConfigOf(all, { acceptDns: false, systemResolvers: [] });
  expect(config.names.addressesOf(name('alpha.net.example'))).toEqual(['100.64.0.7']);
  expect(systemDnsOf(all, false)).toBeUndefined();
});

test('what the system is told', () => {
  expect(systemDnsOf(network({}), true)).toBeUndefined();
  expect(systemDnsOf(magic, true)).toMatchObject({
    nameservers: ['100.100.100.100'],
    searchDomains: ['net.example'],
  });
  expect(systemDnsOf(magic, true)?.matchDomains).toContain('net.example');
  const override = network({ ...magic.dns, resolvers: resolvers('9.9.9.9') });
  expect(systemDnsOf(override, true)?.matchDomains).toBeUndefined();
});
