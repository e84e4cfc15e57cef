import { expect, test } from 'vitest';
import { cellName, cellsOf } from './cell.js';
import { PROFILES } from './profiles.js';
import { inOrder, partOf, remaining, runsOf } from './resumed.js';

const all = cellsOf(PROFILES);
const four = all.slice(0, 4);
const entry = (name: string) => {
  const [from = '', to = ''] = name.split(':');
  return { from, to };
};

test('parts share nothing and are everything', () => {
  const parts = [1, 2, 3, 4].map((part) => partOf(all, { part, of: 4 }));
  expect(parts.flat()).toHaveLength(all.length);
  expect(new Set(parts.flat().map(cellName)).size).toBe(all.length);
  expect(Math.max(...parts.map((part) => part.length)) - (parts[3]?.length ?? 0)).toBeLessThan(2);
});

test('what was measured is not run again, and is put in the order of the cells', () => {
  const names = four.map(cellName);
  const measured = [names[2] ?? '', names[0] ?? ''].map(entry);
  expect(remaining(four, measured).map(cellName)).toEqual([names[1], names[3]]);
  expect(inOrder(four, measured)).toEqual([entry(names[0] ?? ''), entry(names[2] ?? '')]);
  expect(inOrder(four, [entry('gone:gone'), entry(names[3] ?? '')]).at(-1)).toEqual(
    entry('gone:gone'),
  );
});

test('a report that was continued says which run measured how many', () => {
  const first = { world: 'lab', commit: 'a', date: 'monday', durationMs: 5 } as const;
  const runs = runsOf(first, 10);
  expect(runs).toEqual([{ commit: 'a', date: 'monday', durationMs: 5, pairs: 10 }]);
  const second = { world: 'lab', commit: 'b', date: 'tuesday', durationMs: 7, earlier: runs };
  expect(
    runsOf({ ...second, world: 'lab' }, 14).map(({ commit, pairs }) => [commit, pairs]),
  ).toEqual([
    ['a', 10],
    ['b', 4],
  ]);
});
