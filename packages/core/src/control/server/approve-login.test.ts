import { expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import type { Approver } from './approve-login.js';
import { revokeAuthKey } from './auth-keys.js';
import { nodeKey, start, TestNetwork } from './test-network.js';

const HOUR_MS = 3_600_000;
const keyField = (number: number): string => `nodekey:${nodeKey(number)}`;
const ann: Approver = {
  type: 'operator',
  tailnet: 'home',
  loginName: 'ann@net.example',
  displayName: 'Ann',
};
const typed = (code: string): Approver => ({ type: 'code', code });

test('an operator lets a machine in as a user, who is made when new', () => {
  const network = new TestNetwork();
  network.nodeKeyLifeMs = HOUR_MS;
  expect(network.approve(1, {}, ann)).toMatchObject({ isNew: true });
  expect(network.node(1)).toMatchObject({
    userId: 1,
    tags: [],
    ephemeral: false,
    authKeyId: undefined,
    keyExpiry: start + HOUR_MS,
    label: 'host-1',
  });
  expect(network.state.users.get(1)?.loginName).toBe('ann@net.example');
  // The machine's next request finds it there.
  expect(network.register(1, {})).toMatchObject({ outcome: 'known', response: { Error: '' } });
});

test('a code lets one machine in as its user and is spent in the same step', () => {
  const network = new TestNetwork();
  const code = network.approvalCode();
  expect(network.approve(1, {}, typed(` ${code.toUpperCase()} `))).toMatchObject({ isNew: true });
  expect(network.node(1).userId).toBe(1);
  const [record] = network.state.authKeys.values();
  expect(record?.usedAt).toBe(start);
  expect(network.approve(2, {}, typed(code))).toEqual({
    reason: 'code',
    text: 'approval code already used',
  });
  expect(network.state.nodes.size).toBe(1);
});

test('a reusable code lets many in', () => {
  const network = new TestNetwork();
  const code = network.approvalCode({ reusable: true });
  for (const machine of [1, 2, 3]) network.approve(machine, {}, typed(code));
  expect(network.state.nodes.size).toBe(3);
});

test('wrong, expired and revoked codes, and auth keys, are refused and let nobody in', () => {
  const network = new TestNetwork();
  const code = network.approvalCode({ expiresAt: wallTime(start + HOUR_MS) });
  const revoked = network.approvalCode();
  const id = revoked.replaceAll('-', '').slice(0, 8);
  network.state = revokeAuthKey(network.state, id, start) ?? network.state;
  const altered = code.slice(0, -1) + (code.endsWith('a') ? 'b' : 'a');
  const textOf = (offered: string): unknown => {
    const result = network.approve(1, {}, typed(offered));
    return 'reason' in result ? result.text : result;
  };
  expect(textOf('')).toBe('invalid approval code');
  expect(textOf(altered)).toBe('invalid approval code');
  expect(textOf(network.authKey())).toBe('invalid approval code');
  expect(textOf(revoked)).toBe('approval code expired');
  network.wall = wallTime(start + HOUR_MS);
  expect(textOf(code)).toBe('approval code expired');
  expect(network.state.nodes.size).toBe(0);
});

test('a new node key of a member is approved for the node that it was', () => {
  const network = new TestNetwork();
  const node = network.join(1);
  const rotation = { NodeKey: keyField(11), OldNodeKey: keyField(1) };
  expect(network.approve(1, rotation, ann)).toMatchObject({ isNew: false });
  expect(network.node(11)).toMatchObject({
    id: node.id,
    stableId: node.stableId,
    addresses: node.addresses,
    label: node.label,
  });
  expect(network.state.nodeIdByKey.has(nodeKey(1))).toBe(false);
});

test('an old key of another machine claims nothing', () => {
  const network = new TestNetwork();
  const node = network.join(1);
  network.approve(2, { OldNodeKey: keyField(1) }, ann);
  expect(network.node(1)).toBe(node);
  expect(network.node(2).id).not.toBe(node.id);
});

test('tags are granted by policy to the user that approves, or nobody', () => {
  const network = new TestNetwork();
  const asking = { Hostinfo: { Hostname: 'web', RequestTags: ['tag:web'] } };
  const code = network.approvalCode();
  expect(network.approve(1, asking, ann)).toMatchObject({ reason: 'tags' });
  expect(network.approve(1, asking, typed(code))).toMatchObject({ reason: 'tags' });
  network.mayTag = (user, tag) => user.loginName === 'ann@net.example' && tag === 'tag:web';
  expect(network.approve(1, asking, typed(code))).toMatchObject({ isNew: true });
  expect(network.node(1)).toMatchObject({ tags: ['tag:web'], userId: 0 });
});

test('a machine that came in meanwhile is not made twice, and a code is not spent on it', () => {
  const network = new TestNetwork();
  const code = network.approvalCode();
  const node = network.join(1);
  expect(network.approve(1, {}, typed(code))).toMatchObject({ isNew: false, node });
  expect(network.state.nodes.size).toBe(1);
  expect([...network.state.authKeys.values()].map(({ usedAt }) => usedAt)).toEqual([
    undefined,
    start,
  ]);
});

test('a node key that became another machine’s is refused', () => {
  const network = new TestNetwork();
  network.join(1);
  expect(network.approve(2, { NodeKey: keyField(1) }, ann)).toMatchObject({ reason: 'node-key' });
});
