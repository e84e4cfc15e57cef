import { expect, test } from 'vitest';
import { instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import { SocketPool, socketsPerLot } from './socket-pool.js';

const now = instant(0);

class Bench {
  readonly open = new Set<SocketId>();
  #next = 1000;
  readonly pool = new SocketPool<string>({
    newSocketId: () => this.#next++,
    emit: ({ type, socketId }) => {
      if (type === 'open-socket') this.open.add(socketId);
      else this.open.delete(socketId);
    },
  });
}

test('users share the sockets; only what is missing is opened, and all close with the last user', () => {
  const { pool, open } = new Bench();
  pool.acquire('a', 16, now);
  pool.acquire('b', 20, now);
  expect(open.size).toBe(20);
  expect(pool.isSettled).toBe(false);
  for (const socketId of open) pool.opened(socketId);
  expect([pool.isSettled, pool.sockets.length]).toEqual([true, 20]);
  pool.release('a', now);
  pool.release('a', now);
  expect(open.size).toBe(20);
  pool.release('b', now);
  expect([open.size, pool.size]).toEqual([0, 0]);
});

test('sockets are opened by the lot, and those of a user that is gone are not', () => {
  const { pool, open } = new Bench();
  pool.acquire('a', 3 * socketsPerLot, now);
  expect([open.size, pool.size]).toEqual([socketsPerLot, 3 * socketsPerLot]);
  for (const socketId of open) pool.opened(socketId);
  expect(pool.isSettled).toBe(false);
  // Another's wish is no reason for haste.
  pool.acquire('b', 3 * socketsPerLot, now);
  expect(open.size).toBe(socketsPerLot);
  const next = pool.nextTimeout() ?? now;
  expect(next).toBeGreaterThan(now);
  pool.runTimers(next);
  expect(open.size).toBe(2 * socketsPerLot);
  for (const user of ['a', 'b']) pool.release(user, next);
  expect([open.size, pool.size, pool.nextTimeout()]).toEqual([0, 0, undefined]);
});

test('a socket that was taken is not closed with the others, one that failed is not counted', () => {
  const { pool, open } = new Bench();
  pool.acquire('a', 4, now);
  const [first = 0, second = 0, third = 0, fourth = 0] = open;
  for (const socketId of [first, second, third]) pool.opened(socketId);
  pool.failed(fourth);
  expect([pool.isSettled, pool.sockets.length]).toEqual([true, 3]);
  expect(pool.take(second)).toBe(true);
  expect(pool.take(second)).toBe(false);
  pool.release('a', now);
  expect([...open]).toEqual([second, fourth]);
});
