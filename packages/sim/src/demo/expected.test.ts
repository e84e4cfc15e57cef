import { expect, test } from 'vitest';
import { sevenMachines } from '../topology/seven-machines.js';
import { expectedPath } from './expected.js';

test('of 21 pairs of the seven machines, five with a hard side have only the relay', () => {
  const names = sevenMachines.machines.map(({ name }) => name);
  const pairs = names.flatMap((from, index) => names.slice(index + 1).map((to) => [from, to]));
  expect(pairs).toHaveLength(21);
  const relayed = pairs.filter(
    ([from = '', to = '']) => expectedPath(sevenMachines, from, to) === 'relay',
  );
  expect(relayed.map((pair) => pair.join(' ')).sort()).toEqual(
    [
      'easynat-east hardnat-east',
      'easynat-east hardnat-west',
      'hardnat-east easynat-west',
      'hardnat-east hardnat-west',
      'easynat-west hardnat-west',
    ].sort(),
  );
});
