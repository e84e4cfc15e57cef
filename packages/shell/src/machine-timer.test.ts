import { after, type Instant, instant, wallTime } from '@warren/core/base/instant';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from './clock.js';
import { MachineTimer } from './machine-timer.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const clock: Clock = { now: () => instant(performance.now()), wall: () => wallTime(Date.now()) };

/** A machine that wants to be called at the given instants. */
function scripted(deadlines: Instant[]): { calls: Instant[]; timer: MachineTimer } {
  const calls: Instant[] = [];
  const machine = { nextTimeout: () => deadlines[0] };
  const timer = new MachineTimer(machine, clock, (now) => {
    calls.push(now);
    deadlines.shift();
  });
  return { calls, timer };
}

test('calls the machine at each of its deadlines, never before', () => {
  const start = clock.now();
  const { calls, timer } = scripted([after(start, 10), after(start, 25.4)]);
  timer.rearm();
  vi.advanceTimersByTime(9);
  expect(calls).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(calls.map((at) => Math.ceil(at - start))).toEqual([10, 26]);
  expect(vi.getTimerCount()).toBe(0);
});

test('an earlier deadline moves the timer; a later one is noticed when it fires', () => {
  const start = clock.now();
  const deadlines = [after(start, 50)];
  const { calls, timer } = scripted(deadlines);
  timer.rearm();
  deadlines[0] = after(start, 20);
  timer.rearm();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(19);
  deadlines[0] = after(start, 80);
  vi.advanceTimersByTime(60);
  expect(calls).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(calls.map((at) => Math.round(at - start))).toEqual([80]);
});

test('a deadline beyond what setTimeout takes is waited for in parts', () => {
  const start = clock.now();
  const { calls, timer } = scripted([after(start, 3e9)]);
  timer.rearm();
  vi.advanceTimersByTime(2.9e9);
  expect(calls).toEqual([]);
  vi.advanceTimersByTime(2e8);
  expect(calls).toHaveLength(1);
});

test('nothing is called after close', () => {
  const { calls, timer } = scripted([after(clock.now(), 5)]);
  timer.rearm();
  timer.close();
  timer.rearm();
  vi.advanceTimersByTime(100);
  expect(calls).toEqual([]);
});
