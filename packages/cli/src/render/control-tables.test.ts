import type { AuthKeyInfo, NodeInfo } from '@warren/servers/control/admin-types';
import { expect, test } from 'vitest';
import {
  renderKeys,
  renderLogins,
  renderNodes,
  renderRoutes,
  renderUsers,
} from './control-tables.js';

const nowMs = Date.parse('2031-03-04T05:06:07Z');

const key: AuthKeyInfo = {
  id: 'k3n9x2m4p7qa',
  purpose: 'join',
  user: 'ann@example.net',
  tags: [],
  reusable: false,
  ephemeral: false,
  createdAt: '2031-03-04T05:05:07Z',
  expiresAt: '2031-03-05T05:05:07Z',
  usedAt: null,
  usable: true,
};

test('a row per key, with what is left of it', () => {
  expect(
    renderKeys(
      [
        key,
        { ...key, id: 'b', usedAt: '2031-03-04T05:06:00Z', usable: false },
        {
          ...key,
          id: 'c',
          reusable: true,
          ephemeral: true,
          expiresAt: null,
          tags: ['tag:ci', 'tag:x'],
        },
        { ...key, id: 'd', expiresAt: '2031-03-01T05:05:07Z', usable: false },
      ],
      nowMs,
    ),
  ).toEqual([
    'ID            USER             KIND                CREATED  EXPIRES  STATE   TAGS',
    'k3n9x2m4p7qa  ann@example.net  once                1m ago   in 23h   usable',
    'b             ann@example.net  once                1m ago   in 23h   used',
    'c             ann@example.net  reusable,ephemeral  1m ago   never    usable  tag:ci,tag:x',
    'd             ann@example.net  once                1m ago   3d ago   ended',
  ]);
});

const node: NodeInfo = {
  id: 1,
  kind: 'machine',
  stableId: 's1',
  name: 'desk.warren.internal',
  nameGiven: false,
  hostName: 'Desk',
  user: 'ann@example.net',
  tags: [],
  addresses: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
  nodeKey: 'nodekey:00',
  machineKey: 'mkey:00',
  endpoints: [],
  homeRegion: 900,
  routes: { announced: [], approved: [], served: [], carried: [] },
  ephemeral: false,
  online: true,
  expired: false,
  createdAt: '2031-03-04T05:05:07Z',
  lastSeen: null,
  keyExpiry: null,
};

test('a row per node, which cannot drive the terminal', () => {
  const rows = renderNodes(
    [
      node,
      { ...node, id: 12, online: false, lastSeen: '2031-03-04T02:06:07Z' },
      { ...node, id: 13, online: false, name: 'x\u001b[2J' },
      { ...node, id: 14, expired: true },
      { ...node, id: 15, kind: 'wireguard', online: false },
    ],
    nowMs,
  );
  expect(rows[0]).toMatch(/^ID {2}NAME +USER +ADDRESSES +STATE$/);
  expect(rows[1]).toBe(
    '1   desk.warren.internal  ann@example.net  100.64.0.1,fd7a:115c:a1e0::1  online',
  );
  expect(rows[2]).toMatch(/ {2}offline, last seen 3h ago$/);
  expect(rows[3]).toMatch(/^13 {2}x\?\[2J .* {2}offline$/);
  expect(rows[4]).toMatch(/ {2}expired$/);
  expect(rows[5]).toMatch(/ {2}plain WireGuard$/);
});

test('a row per route, with what keeps it from being used', () => {
  const home = '192.168.7.0/24';
  const routes = (
    announced: string[],
    approved: string[],
    served: string[],
    carried: string[],
  ) => ({
    ...node,
    name: 'gate',
    routes: { announced, approved, served, carried },
  });
  const rows = renderRoutes([
    node,
    routes([home, '0.0.0.0/0'], ['0.0.0.0/0', '::/0'], ['0.0.0.0/0'], []),
    routes([home], [home], [home], [home]),
    routes([home], [], [home], []),
  ]);
  expect(rows).toEqual([
    'ID  NAME  ROUTE           STATE',
    '1   gate  192.168.7.0/24  waits for approval',
    '1   gate  0.0.0.0/0       exit node',
    '1   gate  ::/0            approved, not announced',
    '1   gate  192.168.7.0/24  carried',
    '1   gate  192.168.7.0/24  ready, another carries it, by the policy',
  ]);
});

test('a row per user, with what it owns', () => {
  const ann = { id: 1, name: 'ann@example.net', displayName: 'Ann', nodes: 2, usableKeys: 1 };
  expect(renderUsers([ann, { ...ann, id: 12, displayName: 'A\u001b[31m' }])).toEqual([
    'ID  NAME             DISPLAY NAME  NODES  KEYS',
    '1   ann@example.net  Ann           2      1',
    '12  ann@example.net  A?[31m        2      1',
  ]);
});

test('a code is a key of its own kind', () => {
  const [, row] = renderKeys([{ ...key, id: 'abcdefgh', purpose: 'approve' }], nowMs);
  expect(row).toContain('once,code');
});

test('a row per machine that waits; what machines say can’t move the cursor', () => {
  expect(
    renderLogins(
      [
        {
          id: '4kq0',
          url: 'https://hub.example.net/register/4kq0',
          hostName: 'desk\u001b[2J',
          os: 'linux',
          fingerprint: '244f e3b9 63e8 99dd 295b affc',
          source: '192.0.2.7',
          tags: ['tag:web'],
          createdAt: '2031-03-04T05:05:07Z',
          expiresAt: '2031-03-04T05:20:07Z',
        },
      ],
      nowMs,
    ),
  ).toEqual([
    'ID    HOST NAME  SYSTEM  KEY                            FROM       ENDS    TAGS',
    expect.stringMatching(
      /^4kq0 {2}desk\S+ +linux {3}244f e3b9 63e8 99dd 295b affc {2}192\.0\.2\.7 {2}in 14m {2}tag:web$/,
    ),
  ]);
});
