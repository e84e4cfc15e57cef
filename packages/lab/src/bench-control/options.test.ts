import { expect, test } from 'vitest';
import { HELP, parseCommandLine } from './options.js';
import { STAGE_KEYS } from './stages.js';

test('without a word everything is measured, at full size', () => {
  expect(parseCommandLine([])).toMatchObject({
    options: {
      keys: STAGE_KEYS,
      sizes: { groups: 2000, everybody: 500, large: 10_000, curve: [100, 300, 1000, 3000, 10_000] },
      rounds: 3,
    },
    isJson: false,
  });
});

test('a small run is small everywhere', () => {
  const line = parseCommandLine(['--nodes', '60', '--only', 'groups,curve', '--only', 'large']);
  expect(line?.options).toMatchObject({
    keys: ['groups', 'curve', 'large'],
    sizes: { groups: 60, everybody: 15, large: 300, curve: [100, 300] },
  });
  expect(parseCommandLine(['--everybody', '2000'])?.options.sizes.everybody).toBe(2000);
});

test('a profile is of the hub alone', () => {
  expect(parseCommandLine(['--profile', '/tmp/x'])?.options.isAlone).toBe(true);
  expect(parseCommandLine(['--rounds', '1'])?.options.isAlone).toBe(false);
});

test('help names every part and every option, and what makes no sense is refused', () => {
  expect(parseCommandLine(['--help', '--rounds', '0'])).toBeUndefined();
  for (const key of STAGE_KEYS) expect(HELP).toContain(key);
  expect(() => parseCommandLine(['--rounds', '0'])).toThrow('--rounds takes a number from 1 on');
  expect(() => parseCommandLine(['--nodes', '3'])).toThrow('--nodes takes a number from 4 on');
  expect(() => parseCommandLine(['--only', 'all'])).toThrow('no part is called all; there are');
});
