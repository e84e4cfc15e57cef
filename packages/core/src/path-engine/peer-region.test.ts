import { Counters } from '@warren/core/base/counters';
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { EngineOutputs } from '@warren/core/path-engine/outputs';
import { PeerRegion } from '@warren/core/path-engine/peer-region';
import { RelayLinks } from '@warren/core/path-engine/relay-links';
import { beforeEach, expect, test } from 'vitest';

const at = instant;

let links: RelayLinks;
let region: PeerRegion;

beforeEach(() => {
  const options = { outputs: new EngineOutputs(), counters: new Counters() };
  links = new RelayLinks({ ...options, random: new SeededRandom(3) });
  links.setRegions(new Set([1, 2, 3]));
  links.setHome(2, at(0));
  links.connected(2, at(0));
  region = new PeerRegion(links);
});

test('a peer without a home is looked for at ours first, then elsewhere', () => {
  expect(region.choose(undefined, at(0))).toBe(2);
  region.gone(2, at(0));
  expect(region.choose(undefined, at(0))).toBe(1);
  region.gone(1, at(1_000));
  expect(region.choose(undefined, at(1_000))).toBe(3);
});

test('one that is nowhere is asked for at ours, and again elsewhere after a while', () => {
  for (const id of [2, 1, 3]) region.gone(id, at(0));
  expect(region.choose(undefined, at(0))).toBe(2);
  region.gone(2, at(29_000));
  expect(region.choose(undefined, at(29_000))).toBe(2);
  expect(region.choose(undefined, at(30_000))).toBe(1);
});

test('nobody is asked whose relay cannot be reached', () => {
  region.gone(2, at(0));
  links.use(1, at(0));
  links.closed(1, at(100));
  region.gone(3, at(100));
  expect(region.choose(undefined, at(100))).toBe(2);
  links.closed(2, at(200));
  expect(region.choose(undefined, at(200))).toBe(3);
});

test('its home is where it is reached while that can be dialled, also when it is not there', () => {
  region.gone(3, at(0));
  expect(region.choose(3, at(0))).toBe(3);
  links.use(3, at(0));
  links.closed(3, at(100));
  expect(region.choose(3, at(100))).toBe(2);
  for (const id of [2, 1]) region.gone(id, at(100));
  expect(region.choose(3, at(100))).toBe(3);
});
