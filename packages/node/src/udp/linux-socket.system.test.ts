import { Counters } from '@warren/core/base/counters';
import { expect, test } from 'vitest';
import { type Libc, loadLibc, type PollListener } from '../libc/libc.js';
import { Arena } from '../plane/arena.js';
import { SocketCalls } from './linux-socket.js';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from './linux-sockets.js';

const libc = await loadLibc();

test('a kernel that knows no bundles is noticed, and one without sockets too', () => {
  const probe = (changes: Partial<Libc>) =>
    new SocketCalls({ ...libc, ...changes }, new Arena(65_536, libc.addressOf)).probeOffload();
  const SEGMENT = 103;
  const onlySegments: Libc['setsockopt'] = (fd, level, name, value, length) =>
    name === SEGMENT ? libc.setsockopt(fd, level, name, value, length) : -1;
  expect(probe({ setsockopt: () => -1 })).toEqual({ segments: false, gro: false });
  expect(probe({ socket: () => -1 })).toEqual({ segments: false, gro: false });
  expect(probe({ setsockopt: onlySegments }).gro).toBe(false);
});

test('an error that is none, time after time, ends the socket instead of keeping a core busy', async () => {
  const listeners: PollListener[] = [];
  const closed: number[] = [];
  const told: string[] = [];
  const sockets = new LinuxSockets({
    libc: {
      ...libc,
      poll: (fd, listener) => {
        listeners.push(listener);
        return libc.poll(fd, listener);
      },
      close: (fd) => {
        closed.push(fd);
        return libc.close(fd);
      },
    },
    arena: new Arena(LINUX_SOCKETS_ARENA_BYTES, libc.addressOf),
    counters: new Counters(),
    offload: { segments: false, gro: false },
    onBatch: () => told.push('batch'),
    onOpen: (id) => told.push(`open ${id}`),
    onFailed: (id, reason) => told.push(`failed ${id} ${reason}`),
    onSendFailed: () => told.push('unsent'),
    onWritable: () => told.push('writable'),
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  sockets.open(1, 4, 0);
  await turn();
  for (let i = 0; i < 15; i++) listeners[0]?.onBroken();
  listeners[0]?.onReadable(); // it works, so the count begins again
  for (let i = 0; i < 15; i++) listeners[0]?.onBroken();
  await turn();
  expect([told, closed]).toEqual([['open 1'], []]);
  listeners[0]?.onBroken();
  await turn();
  expect(told).toEqual(['open 1', 'failed 1 EBADF']);
  expect(closed.length).toBe(1);
  sockets.closeAll();
  expect(closed.length).toBe(1);
});
