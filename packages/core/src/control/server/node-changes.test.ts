import { expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import { expireNode, type NodeResult, renameNode, tagNode } from './node-changes.js';
import { isExpired } from './state.js';
import { baseDomain, mapRequest, start, TestNetwork } from './test-network.js';
import { applyLiteUpdate } from './update.js';

function done(network: TestNetwork, result: NodeResult | string): void {
  if (typeof result === 'string') throw new Error(result);
  network.state = result.state;
}

/** Machine 1 reports another host name. */
function reportsName(network: TestNetwork, name: string): void {
  const request = mapRequest(1, { Hostinfo: { Hostname: name } });
  network.state = applyLiteUpdate(network.state, network.node(1), request, baseDomain);
}

test('a given name survives what the machine reports and how it comes back', () => {
  const network = new TestNetwork();
  network.join(1);
  done(network, renameNode(network.state, 1, 'printer', baseDomain));
  reportsName(network, 'laptop');
  expect(network.node(1)).toMatchObject({ label: 'printer', hostName: 'laptop' });
  network.register(1, { Auth: { AuthKey: network.authKey() }, Hostinfo: { Hostname: 'third' } });
  expect(network.node(1).label).toBe('printer');
});

test('a name that was taken back follows the host name again', () => {
  const network = new TestNetwork();
  network.join(1);
  done(network, renameNode(network.state, 1, 'printer', baseDomain));
  reportsName(network, 'laptop');
  done(network, renameNode(network.state, 1, undefined, baseDomain));
  expect(network.node(1).label).toBe('laptop');
  reportsName(network, 'desk');
  expect(network.node(1).label).toBe('desk');
  expect(renameNode(network.state, 1, undefined, baseDomain)).toMatchObject({
    state: network.state,
  });
});

test.each([
  ['', 'invalid'],
  ['Printer', 'invalid'],
  ['a.b', 'invalid'],
  ['-a', 'invalid'],
  ['a-', 'invalid'],
  ['drücker', 'invalid'],
  ['a'.repeat(64), 'invalid'],
  ['host-2', 'taken'],
])('the name %j is refused as %s, nothing is mended', (label, reason) => {
  const network = new TestNetwork();
  network.join(1);
  network.join(2);
  expect(renameNode(network.state, 1, label, baseDomain)).toBe(reason);
  expect(renameNode(network.state, 9, 'free', baseDomain)).toBe('unknown');
});

test('its own derived name, given, stays when the host name changes', () => {
  const network = new TestNetwork();
  network.join(1);
  done(network, renameNode(network.state, 1, 'host-1', baseDomain));
  reportsName(network, 'laptop');
  expect(network.node(1).label).toBe('host-1');
});

test('a name whose whole form under a long domain has no room is refused', () => {
  const network = new TestNetwork();
  network.join(1);
  const domain = `${'a'.repeat(62)}.`.repeat(3) + 'a'.repeat(40);
  expect(renameNode(network.state, 1, 'b'.repeat(25), domain)).toBe('invalid');
  expect(renameNode(network.state, 1, 'b'.repeat(24), domain)).not.toBe('invalid');
});

test('a key ends when the operator says, and never when that is wanted', () => {
  const network = new TestNetwork();
  network.join(1);
  done(network, expireNode(network.state, 1, start));
  expect(isExpired(network.node(1), start)).toBe(true);
  done(network, expireNode(network.state, 1, wallTime(start + 1000)));
  expect(isExpired(network.node(1), start)).toBe(false);
  done(network, expireNode(network.state, 1, undefined));
  expect(network.node(1).keyExpiry).toBeUndefined();
  expect(expireNode(network.state, 1, undefined)).toMatchObject({ state: network.state });
  expect(expireNode(network.state, 9, start)).toBe('unknown');
});

test('tags make a node nobody’s and its key last, and without tags it goes to a user', () => {
  const network = new TestNetwork();
  network.nodeKeyLifeMs = 3_600_000;
  const node = network.join(1);
  done(network, tagNode(network.state, 1, ['tag:a', 'tag:b'], undefined, start));
  expect(network.node(1)).toEqual({
    ...node,
    tags: ['tag:a', 'tag:b'],
    userId: 0,
    keyExpiry: undefined,
  });
  const same = tagNode(network.state, 1, ['tag:a', 'tag:b'], undefined, start);
  expect(same).toMatchObject({ state: network.state });
  expect(tagNode(network.state, 1, [], undefined, start)).toBe('no-owner');
  done(network, tagNode(network.state, 1, [], node.userId, start));
  expect(network.node(1)).toEqual({ ...node, keyExpiry: undefined });
  expect(tagNode(network.state, 9, [], 1, start)).toBe('unknown');
});

test('tags don’t let a node back in whose key has ended', () => {
  const network = new TestNetwork();
  network.join(1);
  done(network, expireNode(network.state, 1, start));
  done(network, tagNode(network.state, 1, ['tag:a'], undefined, start));
  expect(isExpired(network.node(1), start)).toBe(true);
});
