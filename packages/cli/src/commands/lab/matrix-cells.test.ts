import { PROFILES } from '@warren/sim/matrix/profiles';
import { expect, test } from 'vitest';
import { chooseCells, parseCells, parseJobs, parsePart, parseProfiles } from './matrix-cells.js';

const names = (cells: ReturnType<typeof chooseCells>): string[] =>
  cells.map(({ left, right }) => `${left.name}:${right.name}`);

test('cells are as named', () => {
  expect(names(chooseCells(parseCells('hard:easy, public:public'), undefined))).toEqual([
    'hard:easy',
    'public:public',
  ]);
});

test('profiles are met each by each, and by themselves', () => {
  const cells = chooseCells(undefined, parseProfiles('hard,easy'));
  expect(names(cells)).toEqual(['easy:easy', 'easy:hard', 'hard:hard']);
  expect(chooseCells(undefined, undefined)).toHaveLength(
    (PROFILES.length * (PROFILES.length + 1)) / 2,
  );
});

test('what is no pair, no profile or no number is refused with what to write', () => {
  expect(() => parseCells('easy')).toThrow('write easy:hard');
  expect(() => parseCells('easy:hard:easy')).toThrow('write easy:hard');
  expect(() => parseCells('easy:cisco')).toThrow('no profile "cisco"; there are public,');
  expect(() => parseProfiles(',')).toThrow('name at least one');
  expect(() => parseJobs('0')).toThrow('from 1 to 64');
  expect(parseJobs('4')).toBe(4);
  expect(() => parsePart('5/4')).toThrow('write 1/4');
  expect(() => parsePart('0/4')).toThrow('write 1/4');
  expect(parsePart('2/4')).toEqual({ part: 2, of: 4 });
});
