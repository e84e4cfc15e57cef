import type { IpFamily } from '@warren/core/ip/address';
import {
  fullPlan,
  incrementalPlan,
  type PlanContext,
  type ProbeSet,
} from '@warren/core/netcheck/probe-plan';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import { describe, expect, test } from 'vitest';

const dual = (id: number): ReturnType<typeof relayRegion> =>
  relayRegion(id, [relayNode(id, `198.51.100.${id}`, { ipv6: undefined })]);

function context(more: Partial<PlanContext> = {}): PlanContext {
  return {
    relayMap: relayMap(...[1, 2, 3, 4, 5].map(dual)),
    families: [4, 6],
    homeRegion: 1,
    lastLatencyMs: new Map([
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 40],
    ]),
    hadIpv4: true,
    hadIpv6: true,
    ...more,
  };
}

/** Tries as `region/family: count`. */
const tries = (plan: readonly ProbeSet[]): string[] =>
  plan.map(({ regionId, family, probes }) => `${regionId}/${family}: ${probes.length}`);

describe('a full plan', () => {
  test('asks every region three times per family, 100 ms apart', () => {
    const plan = fullPlan(context());
    expect(plan).toHaveLength(10);
    for (const { probes } of plan) {
      expect(probes.map(({ delayMs }) => delayMs)).toEqual([0, 100, 200]);
    }
  });

  test('goes round the nodes of a region', () => {
    const nodes = ['a', 'b'].map((name) => relayNode(1, '198.51.100.1', { name }));
    const plan = fullPlan(context({ relayMap: relayMap(relayRegion(1, nodes)), families: [4] }));
    expect(plan[0]?.probes.map(({ node }) => node.name)).toEqual(['a', 'b', 'a']);
  });

  test('leaves out what may not be measured, has no STUN, or lacks the family', () => {
    const regions = [
      relayRegion(1, [relayNode(1, '198.51.100.1')], { noMeasureNoHome: true }),
      relayRegion(2, [relayNode(2, '198.51.100.2', { stunPort: undefined })]),
      relayRegion(3, [relayNode(3, '198.51.100.3', { ipv6: null })]),
      relayRegion(4, [relayNode(4, '', { ipv4: undefined, ipv6: undefined, hostName: '::1' })]),
      relayRegion(5, [relayNode(5, '', { ipv4: undefined, ipv6: undefined })]),
    ];
    const plan = fullPlan(context({ relayMap: relayMap(...regions) }));
    expect(tries(plan)).toEqual(['3/4: 3', '4/6: 3', '5/4: 3', '5/6: 3']);
  });

  test('uses only families with a socket', () => {
    const families: IpFamily[] = [6];
    expect(new Set(fullPlan(context({ families })).map(({ family }) => family))).toEqual(
      new Set([6]),
    );
  });
});

describe('an incremental plan', () => {
  test('asks home four times, the next twice, the third once over IPv4, the rest never', () => {
    expect(tries(incrementalPlan(context()))).toEqual([
      '1/4: 4',
      '1/6: 4',
      '2/4: 2',
      '2/6: 2',
      '3/4: 1',
    ]);
  });

  test('asks a far home too', () => {
    expect(tries(incrementalPlan(context({ homeRegion: 4 })))).toEqual([
      '1/4: 2',
      '1/6: 2',
      '2/4: 2',
      '2/6: 2',
      '3/4: 1',
      '4/4: 4',
      '4/6: 4',
    ]);
  });

  test('tries IPv6 only once where it did not work', () => {
    expect(tries(incrementalPlan(context({ hadIpv6: false })))).toEqual([
      '1/4: 4',
      '1/6: 1',
      '2/4: 2',
      '2/6: 1',
      '3/4: 1',
    ]);
  });

  test('spaces tries by the last latency', () => {
    const home = incrementalPlan(context({ families: [4] }))[0];
    expect(home?.probes.map(({ delayMs }) => delayMs)).toEqual([0, 12, 124, 186]);
    const unknown = incrementalPlan(context({ families: [4], lastLatencyMs: new Map() }))[0];
    expect(unknown?.probes.map(({ delayMs }) => Math.round(delayMs))).toEqual([0, 240, 580, 870]);
  });
});
