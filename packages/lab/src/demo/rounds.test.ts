import { expect, test } from 'vitest';
import { disjointGroups, oneOfEach, tournament } from './rounds.js';

test.each([2, 3, 4, 6, 7, 12])('%d meet each other once, and nobody twice in a round', (count) => {
  const rounds = tournament(count);
  expect(rounds).toHaveLength(count % 2 === 0 ? count - 1 : count);
  for (const round of rounds) {
    expect(round).toHaveLength(Math.floor(count / 2));
    expect(new Set(round.flat()).size).toBe(round.length * 2);
  }
  const pairs = rounds.flat().map(([a, b]) => `${a} ${b}`);
  expect(new Set(pairs).size).toBe((count * (count - 1)) / 2);
  expect(rounds.flat().every(([a, b]) => a < b && b < count)).toBe(true);
});

test('nobody has nobody to meet', () => {
  expect(tournament(0)).toEqual([]);
  expect(tournament(1)).toEqual([[]]);
});

const pair = (from: string, to: string, kind: string | null = 'x') => ({ from, to, kind });

test('pairs without a common machine go together', () => {
  const [ab, bc, cd, de] = [pair('a', 'b'), pair('b', 'c'), pair('c', 'd'), pair('d', 'e')];
  expect(disjointGroups([ab, bc, cd, de])).toEqual([
    [ab, cd],
    [bc, de],
  ]);
});

test('of each kind one is chosen, the rare kinds first, apart from each other if possible', () => {
  const pairs = [
    pair('a', 'b', 'open'),
    pair('c', 'd', 'open'),
    pair('a', 'c', 'relay'),
    pair('b', 'd', 'relay'),
    pair('e', 'f', 'relay'),
    pair('a', 'b', 'punch'),
    pair('a', 'f', null),
  ];
  const chosen = oneOfEach(pairs, ({ kind }) => kind);
  expect(chosen).toEqual([
    pair('a', 'b', 'punch'),
    pair('c', 'd', 'open'),
    pair('e', 'f', 'relay'),
  ]);
});
