import { expect, test } from 'vitest';
import { TestNetwork } from './test-network.js';
import { createUser, deleteUser, renameUser } from './users.js';

function made(network: TestNetwork, name: string, tailnet = 'home'): number {
  const result = createUser(network.state, tailnet, name, name);
  if (typeof result === 'string') throw new Error(result);
  network.state = result.state;
  return result.user.id;
}

test('a name is one user per tailnet', () => {
  const network = new TestNetwork();
  const first = made(network, 'ann');
  expect(createUser(network.state, 'home', 'ann', 'Another')).toBe('taken');
  expect(createUser(network.state, 'home', 'Ann', 'Another')).toBe('taken');
  expect(made(network, 'ann', 'office')).not.toBe(first);
});

test('a renamed user keeps its number, machines and keys', () => {
  const network = new TestNetwork();
  const node = network.join(1);
  const renamed = renameUser(network.state, node.userId, 'bea', 'Bea');
  expect(renamed).toMatchObject({ user: { id: node.userId, loginName: 'bea' } });
  made(network, 'cora');
  expect(renameUser(network.state, node.userId, 'cora', 'Cora')).toBe('taken');
  expect(renameUser(network.state, 99, 'dora', 'Dora')).toBe('unknown');
  const [user] = network.state.users.values();
  const same = renameUser(network.state, 1, user?.loginName ?? '', user?.displayName ?? '');
  expect(same).toMatchObject({ state: network.state });
});

test('a user goes with its keys, but never from under its machines', () => {
  const network = new TestNetwork();
  const node = network.join(1);
  expect(deleteUser(network.state, node.userId)).toBe('owns-nodes');
  const other = made(network, 'bea');
  network.authKey({ loginName: 'bea' });
  expect(network.state.authKeys.size).toBe(2);
  const gone = deleteUser(network.state, other);
  if (typeof gone === 'string') throw new Error(gone);
  expect(gone.state.authKeys.size).toBe(1);
  network.state = gone.state;
  expect(deleteUser(network.state, other)).toBe('unknown');
  // Numbers are not used twice.
  expect(made(network, 'bea')).toBeGreaterThan(other);
});

test('tagged machines hold no user back', () => {
  const network = new TestNetwork();
  network.join(1, { tags: ['tag:server'] });
  const [user] = network.state.users.values();
  expect(deleteUser(network.state, user?.id ?? 0)).not.toBeTypeOf('string');
});
