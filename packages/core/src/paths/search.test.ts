import { Counters } from '@warren/core/base/counters';
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { Discovery } from '@warren/core/paths/discovery';
import { Search } from '@warren/core/paths/search';
import { directPath } from '@warren/core/paths/testing/peer-drive';
import { expect, test } from 'vitest';

function searching(): { discovery: Discovery; search: Search; seen: string[]; counters: Counters } {
  const seen: string[] = [];
  const counters = new Counters();
  const discovery = new Discovery({
    random: new SeededRandom(1),
    counters,
    emit: (output) => seen.push(output.type),
  });
  discovery.canPing = true;
  discovery.canCall = true;
  return { discovery, search: new Search(discovery), seen, counters };
}

test('rounds at 0, 1 and 3 s, then every 5 s, until it is stopped', () => {
  const { search } = searching();
  const rounds: number[] = [0];
  search.start(instant(0));
  while (rounds.length < 6) {
    const at = search.nextTimeout() ?? instant(Infinity);
    rounds.push(at);
    search.runTimers(at);
  }
  expect(rounds).toEqual([0, 1000, 3000, 8000, 13_000, 18_000]);
  search.stop();
  expect(search.nextTimeout()).toBeUndefined();
});

test('a round leaves out who was asked within 5 s, and calls only if somebody was asked', () => {
  const { discovery, seen } = searching();
  discovery.candidates.setFromMap([directPath('203.0.113.1:1')], instant(0));
  discovery.round(instant(0));
  expect(seen).toEqual(['ping', 'call-me-maybe']);
  discovery.candidates.setFromMap(['203.0.113.1:1', '203.0.113.2:1'].map(directPath), instant(1));
  discovery.round(instant(4000));
  discovery.round(instant(4500));
  expect(seen.slice(2)).toEqual(['ping', 'call-me-maybe']);
});

test('calls are limited, however often rounds are wanted', () => {
  const { discovery, seen, counters } = searching();
  for (let at = 0; at < 60_000; at += 100) discovery.round(instant(at));
  expect(seen.length).toBeLessThanOrEqual(3 + 60 / 5);
  expect(counters.get('call-me-maybe-held-back')).toBe(600 - seen.length);
});

test('without a relay nobody is called, without a key nobody pinged', () => {
  const { discovery, seen } = searching();
  discovery.candidates.setFromMap([directPath('203.0.113.1:1')], instant(0));
  discovery.canCall = false;
  discovery.round(instant(0));
  expect(seen).toEqual(['ping']);
  discovery.canPing = false;
  discovery.round(instant(60_000));
  expect(seen).toEqual(['ping']);
});
