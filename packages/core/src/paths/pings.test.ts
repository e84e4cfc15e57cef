import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { maxPersonPings, PersonPings } from '@warren/core/paths/person-pings';
import { maxPingsInFlight, PingsInFlight, pingTimeoutMs } from '@warren/core/paths/pings';
import { maxSeenPings, SeenPings } from '@warren/core/paths/seen-pings';
import { directPath } from '@warren/core/paths/testing/peer-drive';
import { describe, expect, test } from 'vitest';

const path = directPath('203.0.113.9:41641');

describe('pings in flight', () => {
  test('a transaction is answered once, and only its own', () => {
    const pings = new PingsInFlight(new SeededRandom(1));
    const id = pings.start(path, instant(5), 7);
    expect(pings.has(id)).toBe(true);
    expect(pings.take(new Uint8Array(12))).toBeUndefined();
    expect(pings.take(id)).toEqual({ path, sentAt: 5, personId: 7 });
    expect(pings.take(id)).toBeUndefined();
  });

  test('a ping is lost after 5 s, in the order of sending', () => {
    const pings = new PingsInFlight(new SeededRandom(1));
    pings.start(path, instant(0), 1);
    pings.start(path, instant(100), 2);
    expect(pings.nextTimeout()).toBe(pingTimeoutMs);
    expect(pings.expire(instant(pingTimeoutMs - 1))).toEqual([]);
    expect(pings.expire(instant(pingTimeoutMs)).map(({ personId }) => personId)).toEqual([1]);
    expect(pings.nextTimeout()).toBe(pingTimeoutMs + 100);
    pings.forget();
    expect(pings.nextTimeout()).toBeUndefined();
  });

  test('too many push out the oldest, counted', () => {
    const pings = new PingsInFlight(new SeededRandom(1));
    const oldest = pings.start(path, instant(0));
    for (let i = 0; i < maxPingsInFlight; i++) pings.start(path, instant(0));
    expect([pings.size, pings.overflows, pings.has(oldest)]).toEqual([maxPingsInFlight, 1, false]);
  });
});

describe("a person's pings", () => {
  function person(): { pings: PersonPings; results: string[] } {
    const results: string[] = [];
    const pings = new PersonPings((output) => {
      if (output.type !== 'person-ping-result') return;
      const { id, result } = output;
      results.push(`${id} ${result.outcome === 'pong' ? result.latencyMs : result.reason}`);
    });
    return { pings, results };
  }

  test('are answered once or expire', () => {
    const { pings, results } = person();
    pings.start(1, instant(0));
    pings.start(2, instant(10));
    pings.answered(1, path, 30);
    pings.answered(1, path, 40);
    pings.answered(7, path, 50);
    expect(pings.nextTimeout()).toBe(10 + pingTimeoutMs);
    pings.expire(instant(10 + pingTimeoutMs));
    expect(results).toEqual(['1 30', '2 timeout']);
    expect(pings.nextTimeout()).toBeUndefined();
  });

  test('without a way are refused, also those under way', () => {
    const { pings, results } = person();
    pings.refuse(1);
    pings.start(2, instant(0));
    pings.refuseAll();
    pings.expire(instant(pingTimeoutMs));
    expect(results).toEqual(['1 no-path', '2 no-path']);
  });

  test('too many give up the oldest', () => {
    const { pings, results } = person();
    for (let id = 0; id <= maxPersonPings; id++) pings.start(id, instant(id));
    expect(results).toEqual(['0 timeout']);
  });
});

describe('pings seen', () => {
  const id = (i: number): Uint8Array => Uint8Array.from({ length: 12 }, (_, at) => i >> (8 * at));

  test('the same ping again is a duplicate, from elsewhere a replay', () => {
    const seen = new SeenPings();
    expect(seen.note(id(1), '1 203.0.113.9:1')).toBe('new');
    expect(seen.note(id(1), '1 203.0.113.9:1')).toBe('duplicate');
    expect(seen.note(id(1), '1 198.51.100.1:1')).toBe('replayed');
    expect(seen.note(id(2), '1 203.0.113.9:1')).toBe('new');
  });

  test('the memory is bounded and the oldest are forgotten first', () => {
    const seen = new SeenPings();
    for (let i = 0; i <= maxSeenPings; i++) seen.note(id(i), 'a');
    expect(seen.note(id(1), 'b')).toBe('replayed');
    expect(seen.note(id(0), 'b')).toBe('new');
  });
});
