import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BLOCKS_IN_A_WORLD, BLOCKS_ON_A_COMPUTER } from './blocks.js';
import { commandsOf, shellBlocks } from './shell-blocks.js';

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');

test('a block has a name, and commands without comments', () => {
  const text =
    'Text.\n\n<!-- block: one -->\n```sh\n./a --b  # why\n# alone\nc \\\n  d\n```\n\n```sh\ne#f\n```\n';
  expect(shellBlocks(text)).toEqual([
    { name: 'one', commands: ['./a --b', 'c    d'] },
    { name: undefined, commands: ['e#f'] },
  ]);
  expect(() => commandsOf(shellBlocks(text), 'two')).toThrow('no shell block "two"');
});

test('somebody runs every shell block of the README', () => {
  const names = shellBlocks(readme).map(({ name }) => name);
  expect(names.toSorted()).toEqual([...BLOCKS_ON_A_COMPUTER, ...BLOCKS_IN_A_WORLD].toSorted());
});

test('the README has no commands outside such blocks', () => {
  const outside = readme.replaceAll(/^```[\s\S]*?^```$/gm, '');
  expect(outside.match(/^ {4}(sudo |\.\/|npm |warren ).*$/gm)).toBeNull();
});
