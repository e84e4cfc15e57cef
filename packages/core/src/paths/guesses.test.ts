import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.js';
import { type Endpoint, endpointPort } from '../ip/address.js';
import { guesses } from './guesses.js';

const range = (first: number, count: number) => ({
  first: `203.0.113.7:${first}` as Endpoint,
  count,
});

test('guesses stay in their range and never come twice; as many as there are ports name them all', () => {
  const low = fc.integer({ min: 1024, max: 60_000 });
  const count = fc.integer({ min: 1, max: 600 });
  fc.assert(
    fc.property(
      low,
      count,
      fc.integer({ min: 0, max: 800 }),
      fc.nat(),
      (first, ports, max, seed) => {
        const made = [...guesses(range(first, ports), max, new SeededRandom(seed))].map(
          endpointPort,
        );
        expect(made).toHaveLength(Math.min(ports, max));
        expect(new Set(made).size).toBe(made.length);
        expect(made.every((port) => port >= first && port < first + ports)).toBe(true);
      },
    ),
  );
});

test('guesses hit one of many sockets as often as chance says', () => {
  const random = new SeededRandom(5);
  let total = 0;
  const tries = 300;
  for (let i = 0; i < tries; i++) {
    const sockets = new Set(Array.from({ length: 256 }, () => 1024 + random.below(64_512)));
    let sent = 0;
    for (const guess of guesses(range(1024, 64_512), 64_512, random)) {
      sent++;
      if (sockets.has(endpointPort(guess))) break;
    }
    total += sent;
  }
  // 252 on the average; its own deviation over so many tries is 15.
  expect(total / tries).toBeGreaterThan(200);
  expect(total / tries).toBeLessThan(305);
});
