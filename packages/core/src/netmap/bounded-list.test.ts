import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { fail } from '../base/failure.js';
import { decodeDistinct, decodeList } from './bounded-list.js';

const bounds = { max: 3, malformed: 'bad', overLimit: 'long' };
const digit = (text: string) => (/^\d$/.test(text) ? Number(text) : undefined);
const even = (entry: unknown) =>
  typeof entry !== 'number' ? undefined : entry % 2 === 0 ? entry : fail('odd');

function listOf(value: unknown) {
  const counters = new Counters();
  return { list: decodeList(value, bounds, counters, even), counted: counters.snapshot() };
}

function distinctOf(value: unknown) {
  const counters = new Counters();
  return { list: decodeDistinct(value, bounds, counters, digit), counted: counters.snapshot() };
}

test('what is no array is an empty list', () => {
  for (const value of [undefined, null, 'text', 7, { 0: 2, length: 1 }]) {
    expect(listOf(value)).toEqual({ list: [], counted: {} });
    expect(distinctOf(value)).toEqual({ list: [], counted: {} });
  }
});

test('refused entries cost themselves and no place in the list', () => {
  expect(listOf([1, 2, null, 4, 3, 6])).toEqual({ list: [2, 4, 6], counted: { bad: 3 } });
  expect(distinctOf(['1', 2, 'x', '3', '1'.repeat(1000), '5'])).toEqual({
    list: [1, 3, 5],
    counted: { bad: 3 },
  });
});

test('a full list ends the reading', () => {
  expect(listOf([2, 4, 6])).toEqual({ list: [2, 4, 6], counted: {} });
  expect(listOf([2, 4, 6, 8, 10, 1])).toEqual({ list: [2, 4, 6], counted: { long: 1 } });
  expect(distinctOf(['1', '2', '3', '4', '5', 'x'])).toEqual({
    list: [1, 2, 3],
    counted: { long: 1 },
  });
});

test('repetitions stay in a list and are left out of a distinct one', () => {
  expect(listOf([2, 2, 4]).list).toEqual([2, 2, 4]);
  expect(distinctOf(['2', '2', '1', '2', '3'])).toEqual({ list: [2, 1, 3], counted: {} });
});
