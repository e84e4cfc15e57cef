import { endpoint } from '@warren/core/ip/address';
import { dialBackMs } from '@warren/core/netcheck/dial-back';
import { coneNat, easyNat, hardNat, type NatBehaviour } from '@warren/core/path-engine/testing/nat';
import { type NodeSpec, World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { describe, expect, test } from 'vitest';

function worldWith(spec: NodeSpec): { world: World; node: WorldNode } {
  const world = new World(3);
  world.addRelay(900);
  world.addRelay(901, 25);
  const node = world.addNode('a', { earlierUses: [], ...spec });
  world.addNode('b');
  return { world, node };
}

const natOf = (world: World, node: WorldNode) => node.engine.status(world.now).nat;

describe('the class of NAT', () => {
  test.each<[string, NatBehaviour | undefined, string, string]>([
    ['in the open', undefined, 'none', 'yes'],
    ['behind an easy NAT', easyNat, 'easy', 'no'],
    ['behind a full cone', coneNat, 'easy', 'no'],
    ['behind a hard NAT', hardNat, 'hard', 'no'],
  ])('%s', (_where, nat, expected, verified) => {
    const { world, node } = worldWith(nat === undefined ? {} : { nat });
    world.run(3000);
    expect(natOf(world, node).class).toBe(expected);
    expect(node.dialBack?.verified).toBe(verified);
  });

  test('stays known when later reports hear one server alone', () => {
    const { world, node } = worldWith({ nat: easyNat });
    world.run(3000);
    const relay = world.relays.get(901);
    if (relay !== undefined) relay.stunUp = false;
    world.run(60_000);
    expect(natOf(world, node)).toMatchObject({ class: 'easy', rule: 'mappings-agree' });
  });

  test('is unknown again on another network until a report tells, and what was proven is forgotten', () => {
    const { world, node } = worldWith({});
    world.run(3000);
    expect(natOf(world, node).class).toBe('none');
    node.move(world.place({ nat: hardNat }));
    expect(natOf(world, node).class).toBe('unknown');
    world.run(3000);
    expect(natOf(world, node).class).toBe('hard');
  });
});

describe('the first datagram', () => {
  test('leaves when the relays have dialled back, a few round trips after the start', () => {
    const { world, node } = worldWith({});
    world.run(3000);
    // Control's map comes at 80 ms; three round trips of 40 ms to connect, one to ask.
    expect(node.firstDatagramAt).toBeGreaterThanOrEqual(240);
    expect(node.firstDatagramAt).toBeLessThan(260);
  });

  test('waits a little longer for a datagram that does not come', () => {
    const { world, node } = worldWith({ nat: easyNat });
    world.run(3000);
    expect(node.firstDatagramAt).toBeLessThan(330);
  });

  test('waits for relays that are dead no longer than it may', () => {
    const { world, node } = worldWith({});
    for (const relay of world.relays.values()) relay.up = false;
    world.run(5000);
    expect(node.dialBack).toMatchObject({ verified: undefined, reason: 'no-relay-in-time' });
    expect(node.firstDatagramAt).toBeLessThan(80 + dialBackMs + 20);
    expect(natOf(world, node)).toMatchObject({ class: 'easy', rule: 'own-address-seen' });
  });

  test('is not held up by relays that do not offer to dial back', () => {
    const { world, node } = worldWith({});
    for (const relay of world.relays.values()) relay.dialsBack = false;
    world.run(3000);
    expect(node.dialBack?.verified).toBeUndefined();
    expect(node.firstDatagramAt).toBeLessThan(330);
  });

  test('is not waited for by data: it flows over the relay meanwhile', () => {
    const { world, node } = worldWith({ accessMs: 100 });
    world.run(3000);
    const [, other] = world.nodes;
    if (other === undefined) throw new Error('the world has two nodes');
    node.restart();
    const silentFrom = world.now;
    node.firstDatagramAt = undefined;
    other.talkTo(node, 10);
    node.talkTo(other, 10);
    // Three round trips of 220 ms to connect, one to ask: data is faster than the answer.
    world.run(850);
    expect(node.firstDatagramAt).toBeUndefined();
    expect(other.plane.trafficFrom(node.key).received).toBeGreaterThan(0);
    const tookMs = world.runUntil(() => node.isDirectTo(other), 10_000);
    expect(tookMs).toBeLessThan(2000);
    expect(node.firstDatagramAt).toBeGreaterThan(silentFrom);
  });
});

describe('a restart', () => {
  const restarted = (nat: NatBehaviour | undefined, isRemembered: boolean): WorldNode => {
    const { world, node } = worldWith(nat === undefined ? {} : { nat });
    world.run(10_000);
    const { address, nat: box } = node.place;
    const reached = nat === undefined ? [endpoint(address, 41_641)] : [];
    expect(box === undefined).toBe(nat === undefined);
    node.earlierUses = isRemembered ? [{ port: 41_641, agoMs: 100, reached }] : [];
    node.restart();
    world.run(3000);
    return node;
  };

  test('finds a full cone still open, and does not take it for no NAT', () => {
    expect(restarted(coneNat, false).dialBack?.verified).toBe('yes'); // what forgetting would do
    expect(restarted(coneNat, true).dialBack).toMatchObject({
      verified: undefined,
      reason: 'port-used-lately',
    });
  });

  test('finds what lets answers in from relays, and says nothing of it', () => {
    expect(restarted(easyNat, true).dialBack?.verified).not.toBe('yes');
  });

  test('in the open keeps what was proven', () => {
    expect(restarted(undefined, true).dialBack).toMatchObject({
      verified: 'yes',
      reason: 'proven-earlier',
    });
  });
});
