import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { wallTime } from '../base/instant.js';
import type { NodeKey } from '../keys/keys.js';
import { type ApplyOptions, applyMapResponse } from './apply.js';
import { decodeMapResponse } from './decode.js';
import { markExpired, nextExpiry } from './key-expiry.js';
import type { Netmap } from './types.js';

function keyOf(id: number): string {
  return id.toString(16).padStart(64, '0');
}

function node(id: number, changes: object = {}): object {
  return {
    ID: id,
    StableID: `n${id}`,
    Name: `node-${id}.net.example.`,
    User: 1,
    Key: `nodekey:${keyOf(id)}`,
    Addresses: [`100.64.0.${id}/32`],
    AllowedIPs: [`100.64.0.${id}/32`],
    MachineAuthorized: true,
    ...changes,
  };
}

const NOW = wallTime(Date.UTC(2026, 0, 2));

function apply(
  previous: Netmap | undefined,
  wire: object,
  changes: Partial<ApplyOptions> = {},
): Netmap {
  const counters = changes.counters ?? new Counters();
  const response = decodeMapResponse(wire, counters);
  if (isFailure(response)) throw new Error(response.reason);
  const netmap = applyMapResponse(previous, response, {
    selfKey: keyOf(1) as NodeKey,
    acceptRoutes: false,
    serverTime: NOW,
    counters,
    ...changes,
  });
  if (isFailure(netmap)) throw new Error(netmap.reason);
  return netmap;
}

const ids = (netmap: Netmap): number[] => [...netmap.peers.keys()];

const base = (): Netmap => apply(undefined, { Node: node(1), Peers: [node(2), node(3)] });

test('the first response must say who we are', () => {
  expect(() => apply(undefined, { Peers: [node(2)] })).toThrow('no-self-node');
});

test('a response that gives us a foreign key is refused', () => {
  expect(() => apply(undefined, { Node: node(7) })).toThrow('self-key-mismatch');
  expect(() => apply(base(), { Node: node(7) })).toThrow('self-key-mismatch');
});

test('a response that says nothing gives the very same netmap', () => {
  const netmap = base();
  expect(apply(netmap, {})).toBe(netmap);
  expect(apply(netmap, { KeepAlive: true, PeersRemoved: [2] })).toBe(netmap);
});

test('an empty list of peers is no statement; removal empties the map', () => {
  expect(ids(apply(base(), { Peers: [] }))).toEqual([2, 3]);
  expect(ids(apply(base(), { PeersRemoved: [2, 3, 99] }))).toEqual([]);
});

test('a full list replaces the set and outweighs the delta beside it', () => {
  const next = apply(base(), { Peers: [node(3), node(4)], PeersRemoved: [3] });
  expect(ids(next)).toEqual([3, 4]);
});

test('removal, change, seen, online and patch come in this order', () => {
  const next = apply(base(), {
    PeersRemoved: [2],
    PeersChanged: [node(2, { Name: 'again.' })],
    OnlineChange: { 2: true },
    PeersChangedPatch: [{ NodeID: 2, Online: false, LastSeen: '2026-01-01T00:00:00Z' }],
  });
  expect(next.peers.get(2)).toMatchObject({
    name: 'again.',
    online: false,
    lastSeen: Date.UTC(2026, 0, 1),
  });
});

test('patches change what they name, and ids that are not there are ignored', () => {
  const next = apply(base(), {
    PeersChangedPatch: [
      { NodeID: 2, DERPRegion: 900, Endpoints: ['192.0.2.1:41641'], Key: `nodekey:${keyOf(22)}` },
      { NodeID: 99, Online: true },
    ],
  });
  expect(next.peers.get(2)).toMatchObject({
    homeRegion: 900,
    endpoints: ['192.0.2.1:41641'],
    key: keyOf(22),
    name: 'node-2.net.example.',
  });
  expect(ids(next)).toEqual([2, 3]);
});

test('an online peer has no last-seen, a peer seen now gets control’s time', () => {
  const away = apply(base(), { PeerSeenChange: { 2: true } });
  expect(away.peers.get(2)?.lastSeen).toBe(NOW);
  expect(apply(away, { PeerSeenChange: { 2: false } }).peers.get(2)?.lastSeen).toBeUndefined();
  expect(apply(away, { OnlineChange: { 2: true } }).peers.get(2)).toMatchObject({
    online: true,
    lastSeen: undefined,
  });
});

test('the disco key of an offline peer is not replaced by older news', () => {
  const known = apply(undefined, {
    Node: node(1),
    Peers: [
      node(2, {
        DiscoKey: `discokey:${'aa'.repeat(32)}`,
        Online: false,
        LastSeen: '2026-01-01T00:00:00Z',
      }),
    ],
  });
  const patch = { NodeID: 2, DiscoKey: `discokey:${'bb'.repeat(32)}`, Online: false };
  const stale = { PeersChangedPatch: [{ ...patch, LastSeen: '2026-01-01T00:00:00Z' }] };
  const fresh = { PeersChangedPatch: [{ ...patch, LastSeen: '2026-01-01T00:00:01Z' }] };
  expect(apply(known, stale).peers.get(2)?.discoKey).toBe('aa'.repeat(32));
  expect(apply(known, fresh).peers.get(2)?.discoKey).toBe('bb'.repeat(32));
});

test('peers may swap addresses in one message', () => {
  const next = apply(base(), {
    PeersChanged: [
      node(2, { Addresses: ['100.64.0.3/32'] }),
      node(3, { Addresses: ['100.64.0.2/32'] }),
    ],
  });
  expect(next.peers.get(2)?.addresses).toEqual(['100.64.0.3/32']);
  expect(next.peers.get(3)?.addresses).toEqual(['100.64.0.2/32']);
});

test('users merge and stay; relay map and domain hold until restated', () => {
  const regions = { 900: { RegionID: 900, RegionCode: 'a', RegionName: 'A', Nodes: [] } };
  const first = apply(undefined, {
    Node: node(1),
    Domain: 'net.example',
    DERPMap: { Regions: regions },
    UserProfiles: [{ ID: 1, LoginName: 'ann' }],
  });
  const next = apply(first, { UserProfiles: [{ ID: 2, LoginName: 'bob' }], Domain: '' });
  expect([...next.users.keys()]).toEqual([1, 2]);
  expect(next.domain).toBe('net.example');
  expect([...next.relayMap.regions.keys()]).toEqual([900]);
  expect(apply(next, { DERPMap: { Regions: null } }).relayMap).toBe(next.relayMap);
});

test('a peer that poses as us, or as another peer, is dropped', () => {
  const counters = new Counters();
  const next = apply(
    undefined,
    {
      Node: node(1),
      Peers: [
        node(1, { Key: `nodekey:${keyOf(11)}`, Addresses: ['100.64.0.11/32'] }),
        node(2, { Key: `nodekey:${keyOf(1)}` }),
        node(3),
        node(3, { Key: `nodekey:${keyOf(33)}` }),
        node(4, { Key: `nodekey:${keyOf(3)}` }),
        node(5, { Addresses: ['100.64.0.3/32'] }),
        node(6, { Addresses: ['100.64.0.1/32'] }),
      ],
    },
    { counters },
  );
  expect(ids(next)).toEqual([3]);
  expect(next.peers.get(3)?.key).toBe(keyOf(3));
  expect(counters.snapshot()).toEqual({
    'netmap-peer-address-taken': 2,
    'netmap-peer-id-twice': 1,
    'netmap-peer-is-self': 2,
    'netmap-peer-key-taken': 1,
  });
});

test('a patch can’t give a peer a key that is taken', () => {
  const counters = new Counters();
  const wire = {
    PeersChangedPatch: [
      { NodeID: 2, Key: `nodekey:${keyOf(3)}`, DERPRegion: 5 },
      { NodeID: 3, Key: `nodekey:${keyOf(1)}` },
    ],
  };
  const next = apply(base(), wire, { counters });
  expect(next.peers.get(2)).toMatchObject({ key: keyOf(2), homeRegion: 5 });
  expect(next.peers.get(3)?.key).toBe(keyOf(3));
  expect(counters.get('netmap-patch-key-taken')).toBe(2);
});

test('routes that would take over this machine are never believed', () => {
  const routes = [
    '0.0.0.0/0',
    '::/0',
    '100.64.0.1/32',
    '100.64.0.0/10',
    '100.100.100.100/32',
    '127.0.0.0/8',
    '127.0.0.1/32',
    '96.0.0.0/3',
    '169.254.169.254/32',
    'fe80::/10',
    '10.1.0.0/16',
  ];
  const wire = { Node: node(1), Peers: [node(2, { AllowedIPs: ['100.64.0.2/32', ...routes] })] };
  const wary = apply(undefined, wire).peers.get(2);
  expect(wary?.allowedIps).toEqual(['100.64.0.2/32']);
  const trusting = apply(undefined, wire, { acceptRoutes: true }).peers.get(2);
  expect(trusting?.allowedIps).toEqual(['100.64.0.2/32', '10.1.0.0/16']);
});

test('a peer keeps its own address even when its routes omit it', () => {
  const wire = { Node: node(1), Peers: [node(2, { AllowedIPs: [] })] };
  expect(apply(undefined, wire).peers.get(2)?.allowedIps).toEqual(['100.64.0.2/32']);
});

test('keys expire by control’s clock even when control says nothing', () => {
  const netmap = apply(undefined, {
    Node: node(1, { KeyExpiry: '2026-03-01T00:00:00Z' }),
    Peers: [node(2, { KeyExpiry: '2026-02-01T00:00:00Z' }), node(3)],
  });
  const february = wallTime(Date.UTC(2026, 1, 1));
  expect(nextExpiry(netmap)).toBe(february);
  expect(markExpired(netmap, wallTime(february - 1))).toBe(netmap);
  const later = markExpired(netmap, february);
  expect(later.peers.get(2)?.expired).toBe(true);
  expect(later.self.expired).toBe(false);
  expect(nextExpiry(later)).toBe(Date.UTC(2026, 2, 1));
  expect(markExpired(later, wallTime(Date.UTC(2026, 2, 1))).self.expired).toBe(true);
});

test('ten thousand peers: a full map and a patch stay well under a second', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => {
    const address = `100.${64 + ((i + 2) >> 16)}.${((i + 2) >> 8) & 255}.${(i + 2) & 255}/32`;
    return node(i + 2, {
      Addresses: [address],
      AllowedIPs: [address],
      Endpoints: ['192.0.2.1:41641', '[2001:db8::1]:41641'],
    });
  });
  const started = performance.now();
  const full = apply(undefined, { Node: node(1), Peers: many });
  const next = apply(full, { PeersChangedPatch: [{ NodeID: 5000, Online: true }] });
  expect(next.peers.size).toBe(10_000);
  expect(next.peers.get(5000)?.online).toBe(true);
  expect(performance.now() - started).toBeLessThan(30_000); // what is quadratic takes minutes
});

test('the packet filter is kept until control states another; nothing stated is nobody in', () => {
  const rule = (source: string): object => ({
    SrcIPs: [source],
    DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }],
  });
  expect(base().packetFilter).toEqual([]);
  const open = apply(base(), { PacketFilters: { base: [rule('100.64.0.2')] } });
  expect(open.packetFilter).toMatchObject([{ sources: ['100.64.0.2/32'] }]);
  const later = apply(open, { PeersRemoved: [2] });
  expect(later.packetFilter).toBe(open.packetFilter);
  const more = apply(later, { PacketFilters: { more: [rule('100.64.0.3')] } });
  expect(more.packetFilter).toHaveLength(2);
  expect(more.peers).toBe(later.peers);
  expect(apply(more, { PacketFilter: [] }).packetFilter).toHaveLength(1);
  expect(apply(undefined, { Node: node(1) }).packetFilter).toEqual([]);
});

test('DNS settings stay until there are others, which replace them whole', () => {
  const first = apply(undefined, {
    Node: node(1),
    DNSConfig: { Proxied: true, Domains: ['net.example'], Resolvers: [{ Addr: '9.9.9.9' }] },
  });
  expect(first.dns).toMatchObject({ proxied: true, domains: ['net.example'] });
  const second = apply(first, { PeersChanged: [node(2)] });
  expect(second.dns).toBe(first.dns);
  const third = apply(second, { DNSConfig: { Domains: ['other.example'] } });
  expect(third.dns).toMatchObject({ proxied: false, domains: ['other.example'], resolvers: [] });
  expect(base().dns).toBeUndefined();
});

test('what control warns of stays until it says otherwise, and is its last poll’s', () => {
  const first = apply(undefined, { Node: node(1), Health: ['one'] });
  expect(first.warnings?.sentences).toEqual(['one']);
  const second = apply(first, { PeersChanged: [node(2)] });
  expect(second.warnings).toBe(first.warnings);
  const third = apply(second, { DisplayMessages: { a: { Title: 'A', Text: 'a' } } });
  expect(third.peers).toBe(second.peers);
  expect(third.warnings?.messages.size).toBe(1);
  expect(apply(third, { Health: [], DisplayMessages: { '*': null } }).warnings).toBeUndefined();
  expect(apply(undefined, { Node: node(1) }).warnings).toBeUndefined();
});

test('capabilities and SSH host keys of nodes, where they are such', () => {
  const key = `ssh-ed25519 ${'A'.repeat(68)}`;
  const { self, peers } = apply(undefined, {
    Node: node(1, { CapMap: { 'magicdns-aaaa': null, ['x'.repeat(500)]: [] } }),
    Peers: [
      node(2, { Hostinfo: { sshHostKeys: [`${key} root@host`, 'evil\nhost ssh-rsa AAAA', 7] } }),
    ],
  });
  expect(self.capabilities).toEqual(['magicdns-aaaa']);
  expect(peers.get(2)?.sshHostKeys).toEqual([key]);
  expect(peers.get(2)?.capabilities).toBeUndefined();
});
