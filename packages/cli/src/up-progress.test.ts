import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UpProgress } from './up-progress.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function started(): { readonly said: string[]; readonly progress: UpProgress } {
  const said: string[] = [];
  return { said, progress: new UpProgress((line) => said.push(line)) };
}

test('what is tried again and again is said once, and again after something else', () => {
  const { said, progress } = started();
  const unreachable = { event: 'progress', message: 'the hub can’t be reached' } as const;
  for (let second = 0; second < 10; second++) {
    progress.saw(unreachable);
    vi.advanceTimersByTime(1_100);
  }
  expect(said).toEqual(['the hub can’t be reached ...']);
  progress.saw({ event: 'progress', message: 'it is there and says nothing' });
  vi.advanceTimersByTime(1_100);
  progress.saw(unreachable);
  vi.advanceTimersByTime(1_100);
  expect(said).toHaveLength(3);
});

test('tries in quick succession do not put off saying so', () => {
  const { said, progress } = started();
  for (let tries = 0; tries < 10; tries++) {
    progress.saw({ event: 'progress', message: 'refused' });
    vi.advanceTimersByTime(300);
  }
  expect(said).toEqual(['refused ...']);
});

test('a step that ends within a second is not named', () => {
  const { said, progress } = started();
  progress.saw({ event: 'progress', message: 'quick' });
  vi.advanceTimersByTime(900);
  progress.saw({ event: 'running', name: 'desk', addresses: [] });
  vi.advanceTimersByTime(5_000);
  expect(said).toEqual([]);
});
