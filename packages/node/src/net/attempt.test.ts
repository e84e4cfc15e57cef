import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NodeError } from '../errors.js';
import { type AttemptOptions, attempt, destroyWith } from './attempt.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const late = (): NodeError => new NodeError('SERVER_UNREACHABLE', 'late', 'wait');
const within = (signal = new AbortController().signal): AttemptOptions => ({
  signal,
  timeoutMs: 1_000,
  timedOut: late,
});

/** A socket that tells when it is gone. */
class FakeSocket {
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}

/** A step that ends only by being given up. */
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));

test('what succeeds keeps its sockets, also when its caller gives up later', async () => {
  const socket = new FakeSocket();
  const caller = new AbortController();
  const result = attempt(within(caller.signal), (signal) => {
    destroyWith(signal, socket);
    return Promise.resolve('connected');
  });
  expect(await result).toBe('connected');
  caller.abort();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(socket.isDestroyed).toBe(false);
});

test('what fails closes what it had opened, and keeps its reason', async () => {
  const socket = new FakeSocket();
  const result = attempt(within(), (signal) => {
    destroyWith(signal, socket);
    return Promise.reject(new Error('second step refused'));
  });
  await expect(result).rejects.toThrow('second step refused');
  expect(socket.isDestroyed).toBe(true);
});

test('steps that go on and on end in time, with that as the reason', async () => {
  const socket = new FakeSocket();
  const result = attempt(within(), (signal) => {
    destroyWith(signal, socket);
    return never(signal);
  });
  const refused = expect(result).rejects.toThrow('late');
  await vi.advanceTimersByTimeAsync(999);
  expect(socket.isDestroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await refused;
  expect(socket.isDestroyed).toBe(true);
});

test('a caller that gives up, before or in the middle, ends it', async () => {
  const caller = new AbortController();
  const result = attempt(within(caller.signal), never);
  caller.abort();
  await expect(result).rejects.toThrow('given up');
  const socket = new FakeSocket();
  const second = attempt(within(caller.signal), (signal) => {
    destroyWith(signal, socket);
    return signal.aborted ? Promise.reject(new Error('at once')) : never(signal);
  });
  await expect(second).rejects.toThrow('at once');
  expect(socket.isDestroyed).toBe(true);
});
