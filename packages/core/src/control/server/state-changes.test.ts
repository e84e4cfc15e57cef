import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wallTime } from '../../base/instant.js';
import { revokeAuthKey } from './auth-keys.js';
import { expireNode, renameNode } from './node-changes.js';
import { type ControlState, emptyState, withNode, withoutNode } from './state.js';
import { applyChanges, changesBetween } from './state-changes.js';
import { baseDomain, mapRequest, nodeKey, start, TestNetwork } from './test-network.js';
import { applyLiteUpdate } from './update.js';
import { deleteUser, renameUser } from './users.js';

const machines = 4;

/** One thing that changes a server's state; the number chooses the machine, key or user. */
type Step = (network: TestNetwork, number: number) => void;

const stateOf = (result: { readonly state: ControlState } | string, old: ControlState) =>
  typeof result === 'string' ? old : result.state;

const steps: readonly Step[] = [
  (network, number) => void network.register(number, { Auth: { AuthKey: network.authKey() } }),
  (network, number) => {
    const order = { tailnet: `net${number}`, tags: ['tag:a'], loginName: `u${number}` };
    network.register(number, { Auth: { AuthKey: network.authKey(order) } });
  },
  (network, number) => {
    // A rotation: the machine's node gets another key.
    const Auth = { AuthKey: network.authKey() };
    network.register(number, { NodeKey: `nodekey:${nodeKey(number + 10)}`, Auth });
  },
  (network, number) => {
    const { state } = network;
    const node = [...state.nodes.values()][number];
    if (node === undefined) return;
    const request = mapRequest(number, { Hostinfo: { Hostname: `other-${number}` } });
    network.state = applyLiteUpdate(state, node, request, baseDomain);
  },
  (network, number) => {
    network.state = withoutNode(network.state, number);
  },
  (network, number) => {
    network.state = stateOf(
      renameNode(network.state, number, `given-${number}`, baseDomain),
      network.state,
    );
  },
  (network, number) => {
    network.state = stateOf(expireNode(network.state, number, start), network.state);
  },
  (network, number) => {
    const id = [...network.state.authKeys.keys()][number] ?? '';
    network.state = revokeAuthKey(network.state, id, start) ?? network.state;
  },
  (network, number) => {
    network.state = stateOf(renameUser(network.state, number, 'eve', 'Eve'), network.state);
  },
  (network, number) => {
    network.state = stateOf(deleteUser(network.state, number), network.state);
  },
  (network, number) => {
    const node = network.state.nodes.get(number);
    if (node === undefined) return;
    network.state = withNode(network.state, { ...node, lastSeen: wallTime(start + number) });
  },
];

const walk = fc.array(
  fc.record({
    step: fc.nat({ max: steps.length - 1 }),
    number: fc.integer({ min: 1, max: machines }),
  }),
  { maxLength: 12 },
);

function take(network: TestNetwork, taken: readonly { step: number; number: number }[]): void {
  for (const { step, number } of taken) steps[step]?.(network, number);
}

test('the changes between any two states lead from one to the other', () => {
  fc.assert(
    fc.property(walk, walk, (before, between) => {
      const network = new TestNetwork();
      take(network, before);
      const old = network.state;
      take(network, between);
      expect(applyChanges(old, changesBetween(old, network.state))).toEqual(network.state);
      expect(applyChanges(network.state, changesBetween(network.state, old))).toEqual(old);
    }),
    { numRuns: 150 },
  );
});

test('a state and itself differ in nothing, and what stayed is not written', () => {
  const network = new TestNetwork();
  network.join(1);
  network.join(2);
  const nothing = { puts: [], deletes: [] };
  const none = { tailnets: nothing, users: nothing, authKeys: nothing, nodes: nothing };
  expect(changesBetween(network.state, network.state)).toMatchObject(none);
  const old = network.state;
  network.state = applyLiteUpdate(old, network.node(2), mapRequest(2), baseDomain);
  expect(changesBetween(old, network.state)).toMatchObject({
    ...none,
    nodes: { puts: [network.node(2)], deletes: [] },
  });
});

test('an empty server differs from a full one in every record', () => {
  const network = new TestNetwork();
  network.join(1);
  const { state } = network;
  const changes = changesBetween(state, emptyState());
  expect(changes.nodes.deletes).toEqual([1]);
  expect(changes.users.deletes).toEqual([1]);
  expect(changes.tailnets.deletes).toEqual(['home']);
  expect(changes.authKeys.deletes).toHaveLength(1);
});
