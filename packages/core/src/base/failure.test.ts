import { expect, test } from 'vitest';
import { assert, BugError, unreachable } from './assert.js';
import { Counters } from './counters.js';
import { DecodeFailure, fail, isFailure } from './failure.js';
import { after, earliest, instant } from './instant.js';

test('a failure is shared per reason, so a flood of bad packets allocates nothing', () => {
  expect(fail('some-reason')).toBe(fail('some-reason'));
  expect(fail('some-reason')).not.toBe(fail('another-reason'));
  expect(isFailure(fail('some-reason'))).toBe(true);
  expect(isFailure({ reason: 'some-reason' })).toBe(false);
  expect(fail('some-reason')).toBeInstanceOf(DecodeFailure);
});

test('everything that is not true fails an assertion', () => {
  for (const value of [false, 0, Number.NaN, '', null, undefined]) {
    expect(() => assert(value, 'no')).toThrow(BugError);
  }
  for (const value of [true, 1, 'a', {}, []]) expect(() => assert(value, 'no')).not.toThrow();
  expect(() => unreachable('x' as never)).toThrow('unreachable: "x"');
});

test('counters add up by name and show themselves sorted', () => {
  const counters = new Counters();
  counters.add('forged', 2);
  counters.add('bad-type');
  counters.add('forged');
  expect(counters.get('forged')).toBe(3);
  expect(counters.get('never')).toBe(0);
  expect(Object.entries(counters.snapshot())).toEqual([
    ['bad-type', 1],
    ['forged', 3],
  ]);
});

test('the earliest of optional deadlines is found', () => {
  const now = instant(100);
  expect(earliest()).toBeUndefined();
  expect(earliest(undefined, undefined)).toBeUndefined();
  expect(earliest(after(now, 5), undefined, now, after(now, 1))).toBe(100);
});
