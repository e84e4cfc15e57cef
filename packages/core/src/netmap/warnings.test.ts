import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { warningLengthMax, warningsMax } from './limits.js';
import { applyWarnings, decodeWarnings, type Warnings, warningLines } from './warnings.js';

let counters = new Counters();

/** The warnings after a sequence of responses. */
function told(...responses: object[]): Warnings | undefined {
  counters = new Counters();
  let warnings: Warnings | undefined;
  for (const response of responses) {
    const change = decodeWarnings(response as Readonly<Record<string, unknown>>, counters);
    warnings = applyWarnings(warnings, change, counters);
  }
  return warnings;
}

const lines = (...responses: object[]): readonly string[] => warningLines(told(...responses));
const message = (Title: string, more: object = {}): object => ({ Title, Text: 'why', ...more });

test('a list of sentences stands until another one comes', () => {
  expect(lines({})).toEqual([]);
  expect(lines({ Health: ['one', 'two'] }, { Domain: 'x' }, { Health: null })).toEqual([
    'one',
    'two',
  ]);
  expect(lines({ Health: ['one', 'two'] }, { Health: ['three'] })).toEqual(['three']);
  expect(told({ Health: ['one'] }, { Health: [] })).toBeUndefined();
});

test('messages are set, changed and taken back one by one, or all', () => {
  const both = { DisplayMessages: { a: message('A'), b: message('B') } };
  expect(lines(both)).toEqual(['A: why', 'B: why']);
  expect(lines(both, { DisplayMessages: { a: null } })).toEqual(['B: why']);
  expect(lines(both, { DisplayMessages: { b: message('C') } })).toEqual(['A: why', 'C: why']);
  expect(told(both, { DisplayMessages: { '*': null } })).toBeUndefined();
  expect(lines(both, { DisplayMessages: { d: message('D'), '*': null } })).toEqual(['D: why']);
  expect(lines(both, { DisplayMessages: null }, { Health: ['s'] })).toEqual([
    ...['A: why', 'B: why', 's'],
  ]);
});

test('the most urgent comes first, with what a person may do', () => {
  const PrimaryAction = { Label: 'Renew', URL: 'https://hub.example/keys' };
  const DisplayMessages = {
    low: message('L', { Severity: 'low' }),
    high: message('H', { Severity: 'high', PrimaryAction }),
    plain: message('M', { Severity: 'unheard of', PrimaryAction: { Label: 'no address' } }),
    bare: { Text: 'only this', PrimaryAction: { URL: 'https://hub.example/' } },
  };
  expect(lines({ DisplayMessages })).toEqual([
    'H: why (Renew: https://hub.example/keys)',
    'only this (https://hub.example/)',
    'M: why',
    'L: why',
  ]);
});

test('what says nothing again is the same object', () => {
  const before = told({ Health: ['one'] });
  expect(applyWarnings(before, decodeWarnings({ Domain: 'x' }, counters), counters)).toBe(before);
});

test('nonsense is left out and counted', () => {
  expect(told({ Health: 'all of it', DisplayMessages: [1] })).toBeUndefined();
  expect(counters.snapshot()).toEqual({});
  const DisplayMessages = { a: 7, b: {}, c: { Title: 7 }, ['x'.repeat(300)]: message('X') };
  expect(told({ Health: [7, '', null], DisplayMessages })).toBeUndefined();
  expect(counters.get('netmap-warning-malformed')).toBe(7);
});

test('neither their number nor their length is a server’s to choose', () => {
  const Health = Array.from({ length: 1000 }, (_, i) => `${i}`);
  const many = (from: number): object => ({
    DisplayMessages: Object.fromEntries(
      Array.from({ length: warningsMax }, (_, i) => [`m${from + i}`, message('M')]),
    ),
  });
  expect(lines({ Health }, many(0), many(10), many(100))).toHaveLength(2 * warningsMax);
  expect(counters.get('netmap-warnings-over-limit')).toBeGreaterThan(2);
  const Text = '\u001b'.concat('x'.repeat(100_000));
  const [line = ''] = lines({ DisplayMessages: { a: { Title: '', Text } } });
  expect(line).toBe('x'.repeat(warningLengthMax - 1));
});
