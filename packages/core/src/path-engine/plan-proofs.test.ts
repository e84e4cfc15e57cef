/** Proofs of address between nodes of one network, and against a peer that has none. */
import { Counters } from '@warren/core/base/counters';
import { after, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { encodeCallMeMaybe } from '@warren/core/disco/messages';
import type { AddressProof, PortPlan } from '@warren/core/disco/ping-extension';
import { type Endpoint, endpoint, endpointAddress } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import type { NetcheckReport } from '@warren/core/netcheck/report';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import { Attack, FAR } from '@warren/core/path-engine/testing/attack';
import { easyNat, hardNat } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { EngineOutputs } from './outputs.js';
import { PlanProofs, unprovenPingsMax } from './plan-proofs.js';

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

describe('before anything is asked for', () => {
  const peer = 'b'.repeat(64) as NodeKey;
  const token = new Uint8Array(16).fill(7);
  const at = instant(5000);
  const counters = new Counters();
  const outputs = new EngineOutputs();
  const map = relayMap(relayRegion(900, [relayNode(900, '192.0.2.1', { dialsBack: true })]));
  const nat = (mapped: string, mapping: 'address-and-port-dependent' | 'endpoint-independent') => {
    const ipv4: Partial<NatDescription['ipv4']> = {
      mapping,
      filtering: 'address-and-port-dependent',
      mapped: mapped as Endpoint,
    };
    const parts = { ipv4, ipv6: { works: false }, reachable: [], portMapping: {}, class: 'hard' };
    return parts as unknown as NatDescription;
  };
  const ours = nat('203.0.113.9:40000', 'address-and-port-dependent');
  const theirs = nat('198.51.100.7:40000', 'endpoint-independent');
  const report = {
    observations: [
      {
        regionId: 900,
        family: 4,
        server: '192.0.2.1:3478' as Endpoint,
        mapped: '203.0.113.9:41000' as Endpoint,
        latencyMs: 10,
        addressToken: token,
      },
    ],
    homeRegion: 900,
    startedAt: at,
  } as Partial<NetcheckReport> as NetcheckReport;

  let proofs: PlanProofs;
  beforeEach(() => {
    proofs = new PlanProofs({
      ...{ counters, outputs, random: new SeededRandom(1) },
      ownNat: () => ours,
      relayMap: () => map,
      useRelay: () => undefined,
      costOf: () => 1500,
      onProven: () => undefined,
    });
  });

  test('the proof is shown where it will come to many pings: once in five minutes', () => {
    expect(proofs.toShow(peer, theirs, at)).toBeUndefined(); // no check has brought a token yet
    proofs.own.report(report);
    expect(proofs.toShow(peer, theirs, after(at, 500))).toBeUndefined();
    expect(proofs.toShow(peer, theirs, after(at, 1000))).toEqual({ regionId: 900, token });
    expect(proofs.toShow(peer, theirs, after(at, 300_999))).toBeUndefined();
    proofs.own.report({ ...report, startedAt: after(at, 300_000) });
    expect(proofs.toShow(peer, theirs, after(at, 301_000))).toEqual({ regionId: 900, token });
  });

  test('it is not shown to a peer of which nothing is known, or that plain pings may reach', () => {
    proofs.own.report(report);
    expect(proofs.toShow(peer, undefined, at)).toBeUndefined();
    const open = { ...theirs, reachable: ['198.51.100.7:40000' as Endpoint] };
    expect(proofs.toShow(peer, open, at)).toBeUndefined();
  });

  test('a peer that shows one is asked about at once, for the address that its description tells', () => {
    proofs.peers.relayConnected(900, true, at);
    proofs.shown(peer, theirs, { regionId: 900, token }, at);
    const question = outputs.poll();
    expect(question).toMatchObject({ type: 'relay-check-address', address: '198.51.100.7', token });
    if (question?.type !== 'relay-check-address') throw new Error('it was asked');
    proofs.peers.answered(900, { id: question.id, outcome: 'yes' }, at);
    const first = '198.51.100.7:1024' as Endpoint;
    const plan: PortPlan = {
      ...{ attempt: '0102030405060708', isAnswer: false, isOpenToAddress: false },
      ...{ kind: 'scatter', first, step: 1, count: 64_512 },
    };
    expect(proofs.admits(peer, plan, undefined, at)).toBe(true);
    expect(proofs.admits(peer, { ...plan, first: FAR }, undefined, at)).toBe(false);
  });

  test('one of a peer that tells no address is worth nothing', () => {
    proofs.shown(peer, undefined, { regionId: 900, token }, at);
    expect(counters.get('address-proof-of-nothing')).toBe(1);
    expect(outputs.poll()).toBeUndefined();
  });
});
