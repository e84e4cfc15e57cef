import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import { campaignOf, probesOf } from './campaign.js';
import type { Ports } from './ports.js';

const list = (port: number, count: number, step = 1): Ports => {
  const first = `203.0.113.7:${port}` as Endpoint;
  return { kind: 'list', isOpenToAddress: false, first, step, count };
};

/** The ports that are pinged, in their order. */
function pinged(ours: Ports, theirs: Ports, isAsker: boolean): number[] {
  const campaign = campaignOf(ours, theirs, isAsker);
  if (campaign === undefined) throw new Error('they can meet');
  const probes = [...probesOf(campaign, theirs, new SeededRandom(1))];
  expect(probes).toHaveLength(campaign.pings);
  return probes.map(({ remote }) => endpointPort(remote));
}

/** Source and target of each ping behind a NAT that counts, of whose ports others took `taken(n)` before the n-th. */
function flows(
  ours: Ports,
  targets: readonly number[],
  taken: (ping: number) => number,
): [number, number][] {
  return targets.map((target, ping) => [
    endpointPort(ours.first) + ours.step * (ping + taken(ping)),
    target,
  ]);
}

test.each([
  [1, 1],
  [3, -2],
])('two NATs that count meet, whatever others took meanwhile (steps %i and %i)', (left, right) => {
  const [a, b] = [list(40_000, 64, left), list(50_000, 64, right)];
  const [ofA, ofB] = [pinged(a, b, true), pinged(b, a, false)];
  for (let before = 0; before < 12; before++) {
    for (let later = 0; later < 10; later++) {
      // Some are taken while the pings go out, too: 30 altogether, of 64.
      const there = flows(a, ofA, (ping) => before + Math.floor(ping / 9));
      const back = flows(b, ofB, (ping) => later + Math.floor(ping / 7));
      const heard = new Set(back.map(([source, target]) => `${target} ${source}`));
      const meetings = there.filter(([source, target]) => heard.has(`${source} ${target}`));
      expect(meetings.length, `${before} and ${later}`).toBeGreaterThan(0);
    }
  }
});

test('a list is gone through whole by who counts alone, and by who has asked', () => {
  const [one, many] = [list(41_641, 1), list(40_000, 64)];
  const all = Array.from({ length: 64 }, (_, index) => 40_000 + index);
  expect(pinged(one, many, false)).toEqual(all);
  expect(pinged(many, many, true)).toEqual(all);
  expect(pinged(many, one, false)).toEqual([41_641]);
  expect(pinged(many, many, false)).toHaveLength(32);
});

test('a range that few samples show as twice its width is swept, and a wide one is not', () => {
  const range = (count: number): Ports => ({ ...list(40_000, count), kind: 'scatter' });
  expect(campaignOf(range(1000), range(600), true)?.kind).toBe('sweep');
  expect(campaignOf(range(64_000), range(600), true)).toBeUndefined();
});
