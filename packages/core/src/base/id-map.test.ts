import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdMap } from './id-map.js';

interface Named {
  readonly name: number;
}

const id = fc.oneof(fc.nat(40), fc.nat(2000), fc.constantFrom(31, 32, 1023, 1024, 2 ** 40));
const step = fc.record({ id, name: fc.option(fc.nat(3), { nil: undefined }) });

test('is a map, whatever is put in and taken out, and leaves the one before as it was', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let map = IdMap.empty<Named>();
      const model = new Map<number, Named>();
      for (const one of steps) {
        const before = map;
        const was = new Map(model);
        if (one.name === undefined) {
          map = map.without(one.id);
          model.delete(one.id);
        } else {
          const value = { name: one.name };
          map = map.with(one.id, value);
          model.set(one.id, value);
        }
        expect([...before]).toEqual([...was].sort(([a], [b]) => a - b));
        expect([...IdMap.differences(before, map)]).toEqual(
          was.get(one.id) === model.get(one.id) ? [] : [one.id],
        );
      }
      const sorted = [...model].sort(([a], [b]) => a - b);
      expect([...map]).toEqual(sorted);
      expect([...map.keys()]).toEqual(sorted.map(([key]) => key));
      expect([...map.values()]).toEqual(sorted.map(([, value]) => value));
      expect(map.size).toBe(model.size);
      for (const [key, value] of model) expect(map.get(key)).toBe(value);
      expect(map.has(77_777)).toBe(false);
      expect(map.get(-1)).toBeUndefined();
      expect([...IdMap.of(model)]).toEqual(sorted);
      expect(IdMap.of(map)).toBe(map);
    }),
  );
});

test('finds all that differs between any two', () => {
  const entries = fc.array(fc.tuple(id, fc.nat(2)), { maxLength: 40 });
  const values = [{ name: 0 }, { name: 1 }, { name: 2 }];
  fc.assert(
    fc.property(entries, entries, (one, other) => {
      const [a, b] = [one, other].map(
        (list) => new Map(list.map(([key, at]) => [key, values[at] ?? { name: 9 }])),
      );
      if (a === undefined || b === undefined) return;
      const all = new Set([...a.keys(), ...b.keys()]);
      const expected = [...all].filter((key) => a.get(key) !== b.get(key)).sort((x, y) => x - y);
      expect([...IdMap.differences(IdMap.of(a), IdMap.of(b))]).toEqual(expected);
    }),
  );
});

test('the same value again is the same map', () => {
  const value = { name: 1 };
  const map = IdMap.empty<Named>().with(5, value);
  expect(map.with(5, value)).toBe(map);
  expect(map.without(6)).toBe(map);
});
