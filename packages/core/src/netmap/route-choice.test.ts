import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { Prefix } from '../ip/prefix.js';
import { formatPublicKey, type NodeKey } from '../keys/keys.js';
import { applyMapResponse } from './apply.js';
import { decodeMapResponse } from './decode.js';
import { chooseRoutes, findExitNode, type RouteChoice } from './route-choice.js';
import type { Netmap } from './types.js';

const key = (id: number): NodeKey => id.toString(16).padStart(64, '0') as NodeKey;
const p = (text: string): Prefix => text as Prefix;

function node(id: number, routes: readonly string[] = []): object {
  const own = [`100.64.0.${id}/32`];
  return {
    ...{
      ID: id,
      StableID: `n${id}`,
      Name: `host${id}.net.example.`,
      Key: formatPublicKey('node', key(id)),
    },
    ...{ Addresses: own, AllowedIPs: [...own, ...routes], MachineAuthorized: true },
  };
}

function apply(before: Netmap | undefined, response: object): Netmap {
  const counters = new Counters();
  const decoded = decodeMapResponse(response as never, counters);
  if (isFailure(decoded)) throw new Error(decoded.reason);
  const options = { selfKey: key(1), acceptRoutes: true, serverTime: undefined, counters };
  const netmap = applyMapResponse(before, decoded, options);
  if (isFailure(netmap)) throw new Error(netmap.reason);
  return netmap;
}

const base = apply(undefined, {
  Node: node(1),
  Peers: [
    node(2, ['10.1.0.0/16', '192.168.1.0/24']),
    node(3, ['0.0.0.0/0', '::/0']),
    node(4, ['0.0.0.0/0', '10.2.0.0/16']),
    node(5),
  ],
});
const none: RouteChoice = { acceptRoutes: false, exitNode: '', ownNetworks: [], announced: [] };
const allowed = (netmap: Netmap, id: number): readonly string[] | undefined =>
  netmap.peers.get(id)?.allowedIps;

test('nothing of routes is used unasked', () => {
  const chosen = chooseRoutes(base, none);
  for (const id of [2, 3, 4]) expect(allowed(chosen.netmap, id)).toEqual([`100.64.0.${id}/32`]);
  expect(chosen).toMatchObject({ subnets: [], own: [], exit: undefined });
  // Who has no routes is no other object, which engines would have to look at.
  expect(chosen.netmap.peers.get(5)).toBe(base.peers.get(5));
});

test('accepted subnets lead into the tunnel, default routes don’t', () => {
  const chosen = chooseRoutes(base, { ...none, acceptRoutes: true });
  expect(chosen.subnets).toEqual(['10.1.0.0/16', '10.2.0.0/16', '192.168.1.0/24']);
  expect(allowed(chosen.netmap, 4)).toEqual(['100.64.0.4/32', '10.2.0.0/16']);
});

test('an exit node uses the subnets of others', () => {
  const announced = [p('0.0.0.0/0'), p('::/0')];
  const chosen = chooseRoutes(base, { ...none, acceptRoutes: true, announced });
  expect(chosen.subnets).toEqual(['10.1.0.0/16', '10.2.0.0/16', '192.168.1.0/24']);
});

test('what lies in a network of the machine, or is announced by it, stays with it', () => {
  const chosen = chooseRoutes(base, {
    ...{ ...none, acceptRoutes: true },
    ownNetworks: [p('192.168.0.0/16'), p('10.1.2.0/24')],
    announced: [p('10.2.0.0/16')],
  });
  expect(chosen.subnets).toEqual(['10.1.0.0/16']);
  expect(chosen.own).toEqual(['10.2.0.0/16', '192.168.1.0/24']);
  expect(allowed(chosen.netmap, 2)).toEqual(['100.64.0.2/32', '10.1.0.0/16']);
});

test.each(['n3', '100.64.0.3', 'host3', 'Host3.net.example', 'host3.net.example.'])(
  'an exit node may be called %s',
  (exitNode) => {
    expect(findExitNode(base, exitNode)?.id).toBe(3);
    const { netmap, exit } = chooseRoutes(base, { ...none, exitNode });
    expect(exit).toMatchObject({ node: { id: 3 }, v4: true, v6: true });
    expect(allowed(netmap, 3)).toEqual(['100.64.0.3/32', '0.0.0.0/0', '::/0']);
    expect(allowed(netmap, 4)).toEqual(['100.64.0.4/32']);
  },
);

test('a family that the exit node lacks has no way out', () => {
  expect(chooseRoutes(base, { ...none, exitNode: 'n4' }).exit).toMatchObject({
    v4: true,
    v6: false,
  });
});

test('an exit node that is gone, or is none any more, leaves no way out', () => {
  for (const exitNode of ['n9', 'n5']) {
    const { exit, netmap } = chooseRoutes(base, { ...none, exitNode });
    expect(exit).toEqual({ node: undefined, v4: false, v6: false });
    expect([...netmap.peers.values()].flatMap(({ allowedIps }) => allowedIps)).not.toContain(
      '::/0',
    );
  }
});

test('exit routes outlive deltas and our own change of address, and end when control says so', () => {
  const patched = apply(base, { PeersChangedPatch: [{ NodeID: 3, Online: false }] });
  expect(patched.peers.get(3)).toMatchObject({ online: false, exitRoutes: ['0.0.0.0/0', '::/0'] });
  const moved = apply(patched, { Node: { ...node(1), Addresses: ['100.64.0.77/32'] } });
  expect(moved.peers.get(3)?.exitRoutes).toEqual(['0.0.0.0/0', '::/0']);
  expect(moved.peers.get(3)?.allowedIps).toEqual(['100.64.0.3/32']);
  const ended = apply(moved, { PeersChanged: [node(3)] });
  expect(ended.peers.get(3)?.exitRoutes).toBeUndefined();
});
