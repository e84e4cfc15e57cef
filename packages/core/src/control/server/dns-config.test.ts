import { expect, test } from 'vitest';
import { Counters } from '../../base/counters.js';
import { decodeDnsConfig } from '../../netmap/decode-dns.js';
import { DEFAULT_DNS, dnsConfigOf } from './dns-config.js';

test('without settings nodes are told of their names and no more', () => {
  expect(dnsConfigOf(DEFAULT_DNS, 'net.example')).toEqual({
    Proxied: true,
    Domains: ['net.example'],
  });
  expect(dnsConfigOf({ ...DEFAULT_DNS, magicDns: false }, 'net.example')).toEqual({
    Proxied: false,
  });
});

test('all settings, as a node understands them', () => {
  const settings = {
    magicDns: true,
    overrideLocalDns: true,
    globalNameservers: ['1.1.1.1', '9.9.9.9:5353'],
    splitNameservers: new Map([
      ['corp.example', ['10.0.0.53']],
      ['ours.example', []],
    ]),
    searchDomains: ['corp.example', 'net.example'],
    extraRecords: [{ name: 'wiki.net.example', type: 'A', value: '100.64.0.7' }],
  } as const;
  const wire = dnsConfigOf(settings, 'net.example');
  expect(wire).toEqual({
    Proxied: true,
    Domains: ['net.example', 'corp.example'],
    Resolvers: [{ Addr: '1.1.1.1' }, { Addr: '9.9.9.9:5353' }],
    Routes: { 'corp.example': [{ Addr: '10.0.0.53' }], 'ours.example': [] },
    ExtraRecords: [{ Name: 'wiki.net.example', Type: 'A', Value: '100.64.0.7' }],
  });
  const counters = new Counters();
  expect(decodeDnsConfig(wire, counters)?.routes.size).toBe(2);
  expect(counters.snapshot()).toEqual({});
});

test("a node's own resolvers stay unless they are overridden", () => {
  const wire = dnsConfigOf({ ...DEFAULT_DNS, globalNameservers: ['1.1.1.1'] }, 'net.example');
  expect(wire).toMatchObject({ FallbackResolvers: [{ Addr: '1.1.1.1' }] });
  expect(wire.Resolvers).toBeUndefined();
});
