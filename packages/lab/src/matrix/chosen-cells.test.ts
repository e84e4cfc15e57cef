import { cellName, cellsOf } from '@warren/sim/matrix/cell';
import { judgePair } from '@warren/sim/matrix/oracle';
import { PROFILES } from '@warren/sim/matrix/profiles';
import { expect, test } from 'vitest';
import { FIXED_CELLS, rotatingCells } from './chosen-cells.js';

const fixed = FIXED_CELLS.map(cellName);

test('forty cells are fixed, every profile and every kind of verdict among them', () => {
  expect(new Set(fixed).size).toBe(40);
  const profiles = new Set(FIXED_CELLS.flatMap(({ left, right }) => [left.name, right.name]));
  expect([...profiles].sort()).toEqual(PROFILES.map(({ name }) => name).sort());
  const kinds = new Set(FIXED_CELLS.map(({ left, right }) => judgePair(left, right).kind));
  expect([...kinds].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', null]);
});

test('a seed chooses others, the same each time, and another seed not the same', () => {
  const chosen = rotatingCells('one', 10).map(cellName);
  expect(new Set(chosen).size).toBe(10);
  expect(chosen.filter((name) => fixed.includes(name))).toEqual([]);
  expect(rotatingCells('one', 10).map(cellName)).toEqual(chosen);
  expect(rotatingCells('two', 10).map(cellName)).not.toEqual(chosen);
});

test('in time every cell has its turn', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    for (const cell of rotatingCells(String(seed), 100)) seen.add(cellName(cell));
  }
  expect(seen.size).toBe(cellsOf(PROFILES).length - FIXED_CELLS.length);
});
