import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test, vi } from 'vitest';
import { ip } from '../topology/literals.js';
import { sevenMachines } from '../topology/seven-machines.js';
import type { Topology } from '../topology/types.js';
import type { Message } from '../traffic/message.js';
import { SimWorld } from './sim-world.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const twoInTheOpen: Topology = {
  name: 'two-in-the-open',
  regions: [{ name: 'east' }],
  links: [],
  hosts: [{ name: 'hub', region: 'east', addresses: [ip('3.210.5.10')], accessOneWayMs: 15 }],
  networks: [],
  machines: [
    { name: 'left', at: { kind: 'public', region: 'east', addresses: [ip('52.20.10.11')] } },
    { name: 'right', at: { kind: 'public', region: 'east', addresses: [ip('52.20.10.12')] } },
  ],
};

test('two machines join through the hub, the first packet arrives, and they become direct', () => {
  const world = new SimWorld({ topology: twoInTheOpen, seed: 1, crypto: createNodeCrypto() });
  const heard: (Message | undefined)[] = [];
  world.observers.push({ onMessage: (_node, message) => heard.push(message) });
  expect(world.join(10_000)).toBe(true);
  world.clock.run(1000);
  const [left, right] = [world.node('left'), world.node('right')];
  const number = world.say(left, right);
  expect(world.clock.runUntil(() => heard.length > 0, 3_000)).toBeDefined();
  expect(heard).toEqual([{ kind: 'said', from: 0, to: 1, number }]);
  const [leftKey, rightKey] = [left.key, right.key];
  if (leftKey === undefined || rightKey === undefined) throw new Error('both have keys');
  world.say(right, left);
  const direct = world.clock.runUntil(() => left.isDirectTo(rightKey), 5_000);
  expect(direct).toBeDefined();
});

test('relays prove who is reached unasked, before anything has left from its port', () => {
  const world = new SimWorld({ topology: sevenMachines, seed: 1, crypto: createNodeCrypto() });
  expect(world.join(20_000)).toBe(true);
  world.clock.run(3_000);
  const reasons = ['nonat-east', 'easynat-east', 'hardnat-west'].map(
    (name) => world.node(name).dialledBack?.reason,
  );
  expect(reasons).toEqual(['arrived', 'did-not-arrive', 'did-not-arrive']);
  // A port that was in use a moment ago proves nothing.
  const restarted = world.node('nonat-east');
  restarted.restart();
  world.clock.run(3_000);
  expect(restarted.dialledBack?.reason).toBe('port-used-lately');
});
