import { expect, test } from 'vitest';
import { parseSimArguments, UsageProblem } from './options.js';

const seedsOf = (...args: string[]): unknown => {
  const command = parseSimArguments(args);
  return command instanceof UsageProblem ? command.message : command.seeds;
};

test('one seed, a range, or the first hundred', () => {
  expect(seedsOf('--seed', '221')).toEqual({ first: 221, last: 221 });
  expect(seedsOf('--seeds', '5..2000')).toEqual({ first: 5, last: 2000 });
  expect(seedsOf()).toEqual({ first: 1, last: 100 });
});

test('a scenario takes the place of seeds', () => {
  expect(parseSimArguments(['--scenario', 'x'])).toMatchObject({ seeds: undefined, scenario: 'x' });
});

test('what makes no sense is refused in words', () => {
  for (const args of [
    ['--seed', 'x'],
    ['--seeds', '9..1'],
    ['--seeds', '1..99999999999'],
    ['--seed', '1', '--scenario', 'x'],
    ['--jobs', '0'],
    ['--seed', '7', '--resume', 'x'],
    ['--seeds', '1..2', '--trace'],
    ['--nonsense'],
  ]) {
    expect(parseSimArguments(args), args.join(' ')).toBeInstanceOf(UsageProblem);
  }
});
