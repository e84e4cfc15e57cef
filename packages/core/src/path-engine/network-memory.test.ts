import { after, type Instant, instant } from '@warren/core/base/instant';
import { endpoint, type IpAddress } from '@warren/core/ip/address';
import type { NetcheckReport } from '@warren/core/netcheck/report';
import type { PathEngineOutput } from '@warren/core/path-engine/io';
import {
  lifetimeValidMs,
  maxRememberedNetworks,
  NetworkMemory,
  networkValidMs,
} from '@warren/core/path-engine/network-memory';
import type { HardNatMemory, RememberedNetwork } from '@warren/core/path-engine/remembered-network';
import { easyNat } from '@warren/core/path-engine/testing/nat';
import { World } from '@warren/core/path-engine/testing/world';
import type { WorldNode } from '@warren/core/path-engine/testing/world-node';
import { describe, expect, test } from 'vitest';

const day = 24 * 3_600_000;
const start = instant(100 * day);
const at = (number: number) => `203.0.113.${number}` as IpAddress;

function seenFrom(address: IpAddress, family: 4 | 6 = 4): NetcheckReport {
  const observations = [{ family, mapped: endpoint(address, 41_641) }];
  return { observations } as unknown as NetcheckReport;
}

function memoryWith(earlier: readonly RememberedNetwork[] = [], now: Instant = start) {
  const told: (readonly RememberedNetwork[])[] = [];
  const push = (output: PathEngineOutput): void => {
    if (output.type === 'network-memory') told.push(output.networks);
  };
  return { memory: new NetworkMemory({ push }, earlier, now), told };
}

const guessed: HardNatMemory = {
  method: 'birthday',
  ttl: 2,
  portRange: { low: 1024, high: 1535 },
  failures: 3,
  lastAt: start,
};

describe('what is remembered of networks', () => {
  test('is known again when servers see us from the same address', () => {
    const { memory, told } = memoryWith();
    memory.report(seenFrom(at(1)));
    memory.noteLifetime(120_000, start);
    memory.noteHardNat(guessed, after(start, 5));
    memory.networkChanged();
    expect(memory.lifetime).toBeUndefined();
    memory.report(seenFrom(at(2)));
    expect(memory.hardNat).toBeUndefined();
    memory.networkChanged();
    memory.report(seenFrom(at(1)));
    expect(memory.hardNat).toEqual(guessed);
    expect(memory.lifetime).toEqual({ lifetimeMs: 120_000, measuredAt: start });
    expect(told.at(-1)).toEqual([
      {
        address: at(1),
        notedAt: after(start, 5),
        lifetime: { lifetimeMs: 120_000, measuredAt: start },
        hardNat: guessed,
      },
    ]);
  });

  test('is of no network until a server was heard over IPv4', () => {
    const { memory, told } = memoryWith();
    memory.noteLifetime(120_000, start);
    memory.report(seenFrom('2001:db8::1' as IpAddress, 6));
    memory.noteHardNat(guessed, start);
    expect(told).toEqual([]);
    expect(memory.address).toBeUndefined();
  });

  test('is bounded: those of which nothing was noted for longest are forgotten', () => {
    const { memory, told } = memoryWith();
    for (let number = 1; number <= maxRememberedNetworks; number++) {
      memory.report(seenFrom(at(number)));
      memory.noteLifetime(60_000, start);
    }
    memory.report(seenFrom(at(1)));
    memory.noteHardNat(guessed, start);
    memory.report(seenFrom(at(200)));
    memory.noteLifetime(60_000, start);
    const kept = told.at(-1)?.map(({ address }) => address) ?? [];
    expect(kept).toHaveLength(maxRememberedNetworks);
    expect(kept.slice(-2)).toEqual([at(1), at(200)]);
    expect(kept).not.toContain(at(2));
  });

  test('of earlier runs is bounded too, and what is too old is dropped', () => {
    const earlier = Array.from({ length: 40 }, (_, index) => ({
      address: at(index + 1),
      notedAt: after(start, -index * day),
      hardNat: guessed,
    }));
    const { memory, told } = memoryWith(earlier.toReversed());
    memory.report(seenFrom(at(3)));
    expect(memory.hardNat).toEqual(guessed);
    memory.noteLifetime(60_000, start);
    expect(told.at(-1)).toHaveLength(maxRememberedNetworks);

    const old = { address: at(1), notedAt: after(start, -networkValidMs), hardNat: guessed };
    const later = memoryWith([old]).memory;
    later.report(seenFrom(at(1)));
    expect(later.hardNat).toBeUndefined();
  });
});

function worldWith(lifetimeMs: number): { world: World; node: WorldNode } {
  const world = new World(3);
  world.addRelay(900);
  world.addRelay(901, 25);
  const node = world.addNode('a', { earlierUses: [], nat: { ...easyNat, lifetimeMs } });
  world.addNode('b');
  return { world, node };
}

const lifetimeIn = (world: World, node: WorldNode) =>
  node.engine.status(world.now).description.ipv4.lifetimeMs;
/** The search's own. */
const searchSocket = 198;

describe('how long the NAT keeps an idle mapping', () => {
  test('is not measured again by the next process, until it is a week old', () => {
    const { world, node } = worldWith(40_000);
    world.run(20 * 60_000);
    const measured = lifetimeIn(world, node);
    expect(measured).toBeGreaterThanOrEqual(30_000);
    expect(measured).toBeLessThan(40_000);
    expect(node.networks).toMatchObject([{ lifetime: { lifetimeMs: measured } }]);

    // What comes to the port that was open a moment ago proves nothing.
    node.earlierUses = [{ port: 41_641, agoMs: 0, reached: [] }];
    node.restart();
    world.run(10_000);
    expect(lifetimeIn(world, node)).toBe(measured);
    expect(node.openSockets).not.toContain(searchSocket);

    node.networks = node.networks.map((network) => ({
      ...network,
      lifetime: { lifetimeMs: measured ?? 0, measuredAt: after(world.now, -lifetimeValidMs) },
    }));
    node.restart();
    world.run(10_000);
    expect(lifetimeIn(world, node)).toBe(measured);
    expect(node.openSockets).toContain(searchSocket);
  });
});
