import { wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { emptyState, type NodeRecord } from '@warren/core/control/server/state';
import { expect, test } from 'vitest';
import { checkState } from '../database/check-state.js';
import { fixtureState } from '../database/database-fixture.js';
import type { HeadscaleNode, HeadscaleRecords } from './headscale-database.js';
import { importHeadscale } from './headscale-import.js';

const NOW = wallTime(Date.UTC(2026, 10, 23));
const BASE = 'net.example';
const random = new SeededRandom(7);
const hex = (): string => Buffer.from(random.fill(new Uint8Array(32))).toString('hex');

function node(id: number, changes: Partial<HeadscaleNode> = {}): HeadscaleNode {
  return {
    id,
    machineKey: `mkey:${hex()}`,
    nodeKey: `nodekey:${hex()}`,
    discoKey: `discokey:${hex()}`,
    ipv4: `100.64.1.${id}`,
    ipv6: `fd7a:115c:a1e0::1${id.toString(16).padStart(2, '0')}`,
    hostName: `box${id}`,
    givenName: `box${id}`,
    userId: 1,
    tags: [],
    ephemeral: false,
    endpoints: ['192.0.2.1:41641', 'nonsense'],
    hostInfo: { OS: 'linux', NetInfo: { PreferredDERP: 3 } },
    approvedRoutes: [],
    createdAt: NOW,
    expiry: undefined,
    lastSeen: undefined,
    ...changes,
  };
}

function records(...nodes: readonly HeadscaleNode[]): HeadscaleRecords {
  const users = [
    { id: 1, name: 'ann', displayName: 'Ann Lee' },
    { id: 2, name: 'bob@example.net', displayName: '' },
  ];
  return { users, nodes, keys: [], apiKeys: 0, hasPolicy: false };
}

const imported = (...nodes: readonly HeadscaleNode[]) => {
  const result = importHeadscale(emptyState(), records(...nodes), BASE, NOW);
  checkState(result.state);
  return { ...result, nodes: [...result.state.nodes.values()] as readonly NodeRecord[] };
};

test('a machine keeps keys, addresses, name, owner, expiry and the id that clients know', () => {
  const expiry = wallTime(NOW + 1000);
  const given = node(9, { expiry, approvedRoutes: ['10.0.0.0/8', '0.0.0.0/0'] });
  const { nodes, report } = imported(given);
  expect(nodes).toMatchObject([
    {
      stableId: '9',
      machineKey: given.machineKey.slice(5),
      nodeKey: given.nodeKey.slice(8),
      addresses: { v4: '100.64.1.9', v6: 'fd7a:115c:a1e0::109' },
      label: 'box9',
      labelGiven: false,
      keyExpiry: expiry,
      approvedRoutes: ['0.0.0.0/0', '10.0.0.0/8'],
      hostInfo: { OS: 'linux' },
      netInfo: { PreferredDERP: 3 },
      endpoints: [{ endpoint: '192.0.2.1:41641', type: 0 }],
    },
  ]);
  expect(report).toMatchObject({
    users: ['ann@net.example', 'bob@example.net'],
    nodes: [{ name: 'box9.net.example', owner: 'ann@net.example' }],
  });
});

test('tagged machines belong to nobody', () => {
  const { nodes } = imported(node(1, { userId: undefined, tags: ['tag:web', 'tag:eu'] }));
  expect(nodes).toMatchObject([{ userId: 0, tags: ['tag:eu', 'tag:web'] }]);
});

test('what is here already stays, so that an import may be repeated', () => {
  const given = records(node(1), node(2));
  const first = importHeadscale(emptyState(), given, BASE, NOW);
  const again = importHeadscale(first.state, given, BASE, NOW);
  expect([...again.state.nodes.values()]).toEqual([...first.state.nodes.values()]);
  expect(again.report).toMatchObject({ users: [], nodes: [] });
  expect(again.report.warnings).toEqual(['box1: is here already', 'box2: is here already']);
});

test('into a hub that has machines: taken addresses and names give way, with a word', () => {
  const before = fixtureState();
  const [old] = before.nodes.values();
  const given = node(1, { ipv4: old?.addresses.v4 ?? '', givenName: old?.label ?? '' });
  const { state, report } = importHeadscale(before, records(given), BASE, NOW);
  checkState(state);
  expect(state.nodes.size).toBe(before.nodes.size + 1);
  for (const [id, kept] of before.nodes) expect(state.nodes.get(id)).toBe(kept);
  expect(report.warnings.join('\n')).toMatch(/can't be kept[\s\S]*its name becomes printer-1/);
});

test.each([
  ['an address of another range', { ipv4: '10.0.0.1' }, /10\.0\.0\.1 can't be kept/],
  ['no IPv4 address', { ipv4: '' }, /had no IPv4 address/],
  ['an IPv6 address of another number', { ipv6: 'fd7a:115c:a1e0::ffff' }, /IPv6 address becomes/],
  ['a name that is none', { givenName: 'Jo’s Mac' }, /its name becomes jos-mac/],
  ['routes that are none', { approvedRoutes: ['10.0.0.1/8'] }, /approved routes .* left out/],
])('%s is mended, with a word', (_, changes, warning) => {
  const { report, nodes } = imported(node(1, changes));
  expect(nodes).toHaveLength(1);
  expect(report.warnings.join('\n')).toMatch(warning);
});

test.each([
  ['keys that are none', { machineKey: 'mkey:00' }, /its keys make no sense/],
  ['an unknown owner', { userId: 77 }, /no owner and no tags/],
  ['tags that are none', { userId: undefined, tags: ['web'] }, /no owner and no tags/],
])('a machine with %s is left out, with a word', (_, changes, warning) => {
  const { report, nodes } = imported(node(1, changes));
  expect(nodes).toHaveLength(0);
  expect(report.warnings.join('\n')).toMatch(warning);
});

test('usable keys, API keys and a policy are named: they have to be made anew', () => {
  const key = { prefix: 'abc', userId: 1, tags: [], reusable: true, used: false };
  const expiresAt = wallTime(NOW + 1000);
  const keys = [
    { ...key, expiresAt },
    { ...key, prefix: 'old', expiresAt: wallTime(NOW - 1) },
    { ...key, prefix: 'used', expiresAt, reusable: false, used: true },
  ];
  const all = { ...records(), keys, apiKeys: 2, hasPolicy: true };
  const { warnings } = importHeadscale(emptyState(), all, BASE, NOW).report;
  expect(warnings).toHaveLength(4);
  expect(warnings[0]).toMatch(/^pre-auth key abc \(ann@net\.example, reusable, until 2026-/);
  expect(warnings.join('\n')).not.toMatch(/old|used/);
});
