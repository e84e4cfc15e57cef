/** Proofs of address between nodes of one network, and against a peer that has none. */
import { encodeCallMeMaybe } from '@warren/core/disco/messages';
import type { AddressProof, PortPlan } from '@warren/core/disco/ping-extension';
import { endpoint, endpointAddress } from '@warren/core/ip/address';
import { Attack, FAR } from '@warren/core/path-engine/testing/attack';
import { easyNat, hardNat } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { describe, expect, test } from 'vitest';
import { unprovenPingsMax } from './plan-proofs.js';

function counted(world: World, node: WorldNode, name: string): number {
  return node.engine.status(world.now).counters[name] ?? 0;
}

function hardAndEasy(answers: boolean): { world: World; hard: WorldNode; easy: WorldNode } {
  const world = new World(31);
  for (const id of [900, 901]) world.addRelay(id).dialsBack = answers;
  const hard = world.addNode('hard', { nat: hardNat });
  const easy = world.addNode('easy', { nat: easyNat });
  world.run(5000);
  hard.talkTo(easy);
  easy.talkTo(hard);
  return { world, hard, easy };
}

test('a hard NAT and an easy one meet by hundreds of pings, each side having proved its address', () => {
  const { world, hard, easy } = hardAndEasy(true);
  world.run(60_000);
  expect(hard.plane.pathsTo(easy.key)[0]?.kind).toBe('direct');
  for (const node of [hard, easy]) {
    expect(counted(world, node, 'address-proof-proven')).toBe(1);
    expect(counted(world, node, 'port-plan-unproven')).toBe(0);
  }
});

test('where no relay confirms addresses they stay on the relay, and nobody is pinged hundreds of times', () => {
  const { world, hard, easy } = hardAndEasy(false);
  world.run(60_000);
  expect(hard.plane.pathsTo(easy.key)[0]?.kind).toBe('relay');
  expect(counted(world, easy, 'port-plan-unproven')).toBeGreaterThan(0);
  for (const node of [hard, easy]) expect(counted(world, node, 'port-search-pings')).toBe(0);
});

describe('a peer that proved nothing gets no more than its 200 pings', () => {
  const relays = [900, 902];
  const first = endpoint(endpointAddress(FAR), 1024);
  const plan = { attempt: '0102030405060708', isAnswer: false, isOpenToAddress: false, first };

  /** Datagrams to the address that is named. */
  function costOf(attack: Attack, portPlan: PortPlan, addressProof?: AddressProof): number {
    let cost = 0;
    const before = attack.world.internet.fault;
    attack.world.internet.fault = (crossing) => {
      const isNamed = endpointAddress(crossing.target) === endpointAddress(FAR);
      if (isNamed && crossing.target !== FAR) cost++;
      return before(crossing);
    };
    attack.tell(encodeCallMeMaybe([FAR]));
    attack.tell(attack.ping({ portPlan, ...(addressProof === undefined ? {} : { addressProof }) }));
    attack.world.run(20_000);
    return cost;
  }

  const proofFor = (attack: Attack): AddressProof => ({
    regionId: 900,
    token: attack.tokenFor(endpointAddress(FAR)),
  });
  const scatter: PortPlan = { ...plan, kind: 'scatter', step: 1, count: 64_512 };
  const one: PortPlan = { ...plan, kind: 'list', step: 1, count: 1 };

  test('by a scatter, which asks for guesses', () => {
    const attack = new Attack(easyNat, relays);
    expect(costOf(attack, scatter)).toBe(0);
    expect(attack.count('port-plan-unproven')).toBe(1);
  });

  test('by a port of its own, which asks a node behind a hard NAT for openers', () => {
    const attack = new Attack(hardNat, relays);
    expect(costOf(attack, one)).toBeLessThanOrEqual(unprovenPingsMax);
    expect(attack.count('port-plan-unproven')).toBe(1);
  });

  test('and one that proved it gets what it asked for', () => {
    const guessed = new Attack(easyNat, relays);
    // The other side says that it has opened, and so the guesses begin.
    const told = { ...scatter, isAnswer: true };
    guessed.tell(encodeCallMeMaybe([FAR]));
    guessed.tell(guessed.ping({ portPlan: scatter, addressProof: proofFor(guessed) }));
    guessed.world.run(1000);
    expect(costOf(guessed, told)).toBe(1500);
    const opened = new Attack(hardNat, relays);
    expect(costOf(opened, one, proofFor(opened))).toBeGreaterThan(unprovenPingsMax);
    for (const attack of [guessed, opened]) expect(attack.count('port-plan-unproven')).toBe(0);
  });
});
