import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { NodeKey } from '../keys/keys.js';
import { applyMapResponse } from './apply.js';
import { decodeMapResponse } from './decode.js';
import { encodeNetmap } from './encode-netmap.js';
import type { Netmap } from './types.js';

const hex = (digit: string): string => digit.repeat(64);
const SELF_KEY = hex('f') as NodeKey;

/** What a stream's first message makes, by way of its JSON; nothing of it may be refused. */
function receive(message: unknown): Netmap {
  const counters = new Counters();
  const response = decodeMapResponse(JSON.parse(JSON.stringify(message)), counters);
  if (isFailure(response)) throw new Error(response.reason);
  const options = { selfKey: SELF_KEY, acceptRoutes: true, serverTime: undefined, counters };
  const netmap = applyMapResponse(undefined, response, options);
  if (isFailure(netmap)) throw new Error(netmap.reason);
  expect(counters.snapshot()).toEqual({});
  return netmap;
}

function node(id: number, key: string, more: object = {}): object {
  const address = `100.64.0.${id}/32`;
  return {
    ...{ ID: id, Key: `nodekey:${key}`, Addresses: [address], AllowedIPs: [address] },
    ...more,
  };
}

const SELF = node(99, SELF_KEY, { MachineAuthorized: true });

const FULL = {
  Node: node(99, SELF_KEY, {
    ...{ MachineAuthorized: true, KeyExpiry: '2027-01-01T00:00:00.5Z' },
    ...{ CapMap: { 'https://tailscale.com/cap/ssh': [], 'magicdns-aaaa': null } },
  }),
  Domain: 'net.example',
  DERPMap: {
    Regions: {
      900: {
        ...{ RegionID: 900, RegionCode: 'home', RegionName: 'Home', NoMeasureNoHome: true },
        Nodes: [
          {
            ...{ Name: '900a', RegionID: 900, HostName: '192.0.2.7', CertName: 'sha256-raw:00' },
            ...{ IPv4: '192.0.2.7', IPv6: 'none', STUNPort: -1, DERPPort: 8443, CanPort80: true },
            ...{ WarrenDialBack: true, WarrenStunAlternatePort: 3479 },
          },
          { Name: '900b', RegionID: 900, HostName: 'relay.example', STUNOnly: true },
        ],
      },
    },
  },
  Peers: [
    node(1, hex('1'), {
      ...{ StableID: 'n1', Name: 'alpha.net.example.', User: 7, Machine: `mkey:${hex('a')}` },
      ...{ DiscoKey: `discokey:${hex('d')}`, Endpoints: ['192.0.2.1:1', '[2001:db8::1]:3'] },
      AllowedIPs: ['100.64.0.1/32', '10.1.0.0/24', '0.0.0.0/0', '::/0'],
      ...{ HomeDERP: 900, Online: true, Cap: 113, Tags: ['tag:a'] },
      Hostinfo: { Hostname: 'Alpha', OS: 'linux', sshHostKeys: ['ssh-ed25519 AAAAC3Nz'] },
      WarrenNat: { V: 1, Class: 'easy', IPv4: { Works: true }, IPv6: { Works: false } },
    }),
    node(2, hex('2'), {
      ...{ LastSeen: '2026-01-02T03:04:05Z', Expired: true, Online: false },
      ...{ IsWireGuardOnly: true, KeepAlive: true, IsJailed: true },
    }),
  ],
  UserProfiles: [{ ID: 7, LoginName: 'ann@net.example', DisplayName: 'Ann' }],
  PacketFilters: {
    base: [
      {
        SrcIPs: ['*', '100.64.0.1-100.64.0.6'],
        DstPorts: [{ IP: '100.64.0.99', Ports: { First: 22, Last: 80 } }],
      },
    ],
    more: [
      {
        SrcIPs: ['fd7a::1'],
        DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }],
        IPProto: [6, 99],
      },
    ],
    none: [],
  },
  DNSConfig: {
    Proxied: true,
    Resolvers: [{ Addr: '192.0.2.53' }, { Addr: '192.0.2.53:5353' }],
    FallbackResolvers: [{ Addr: '2001:db8::53' }],
    Routes: { 'corp.example': [{ Addr: 'https://dns.example/q' }], 'net.example': [] },
    Domains: ['net.example', 'corp.example'],
    CertDomains: ['alpha.net.example'],
    ExtraRecords: [{ Name: 'wiki.net.example', Type: 'A', Value: '100.64.0.7' }],
  },
};

test('everything that a netmap has comes back as it was', () => {
  const netmap = receive(FULL);
  expect(netmap.peers.get(1)?.exitRoutes).toEqual(['0.0.0.0/0', '::/0']);
  expect(receive(encodeNetmap(netmap))).toEqual(netmap);
});

test('a network of ourselves alone, of which control said nothing else, comes back', () => {
  const netmap = receive({ Node: SELF });
  expect(receive(encodeNetmap(netmap))).toEqual(netmap);
});

test('peers with any of the fields there are come back', () => {
  const peer = fc.record(
    {
      ...{ Endpoints: fc.subarray(['192.0.2.1:1', '192.0.2.2:2']), Online: fc.boolean() },
      ...{ HomeDERP: fc.integer({ min: 1, max: 3 }), Cap: fc.integer({ min: 0, max: 200 }) },
      ...{ LastSeen: fc.constant('2026-01-02T03:04:05.678Z'), User: fc.integer({ min: 0 }) },
      ...{ KeyExpiry: fc.constantFrom('2026-05-02T00:00:00Z', '0001-01-01T00:00:00Z') },
      ...{ Tags: fc.subarray(['tag:a', 'tag:b']), Expired: fc.boolean() },
      ...{ KeepAlive: fc.boolean(), MachineAuthorized: fc.boolean(), IsJailed: fc.boolean() },
      ...{ Name: fc.string(), StableID: fc.string() },
      Hostinfo: fc.record({ Hostname: fc.string(), OS: fc.string() }, { requiredKeys: [] }),
      CapMap: fc.dictionary(fc.string({ minLength: 1, maxLength: 9 }), fc.constant(null)),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(peer, { maxLength: 5 }), (peers) => {
      const Peers = peers.map((more, i) => node(i + 1, hex(String(i + 1)), more));
      const netmap = receive({ Node: SELF, Peers });
      expect(receive(encodeNetmap(netmap))).toEqual(netmap);
    }),
  );
});
