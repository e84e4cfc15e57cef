import { setTimeout as sleep } from 'node:timers/promises';
import { writeU64 } from '@warren/core/base/bytes';
import { Counters } from '@warren/core/base/counters';
import type { Endpoint } from '@warren/core/ip/address';
import { expect, test } from 'vitest';
import { IOVEC_BYTES, writeVector } from '../libc/iovec.js';
import { loadLibc } from '../libc/libc.js';
import { Arena } from '../plane/arena.js';
import { SocketCalls } from './linux-socket.js';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from './linux-sockets.js';

const SYSTEM_DEFAULT = 64;
const HEADER_BYTES = 56;
const CONTROL_BYTES = 64;
/** Of <netinet/in.h>: level, option that asks for it. */
const asking = { 4: [0, 12], 6: [41, 51] } as const;

test.each([
  [4, '127.0.0.1'],
  [6, '[::1]'],
] as const)('a limit of hops holds for its datagram alone, IPv%i', async (family, address) => {
  const libc = await loadLibc();
  const arena = new Arena(LINUX_SOCKETS_ARENA_BYTES + 65_536, libc.addressOf);
  const calls = new SocketCalls(libc, arena);
  const target = calls.openBound(family, 0, false);
  if (typeof target === 'string') throw new Error(target);
  const counters = new Counters();
  let isOpen = false;
  const fail = (reason: string): void => counters.add(reason);
  const sockets = new LinuxSockets({
    libc,
    arena,
    counters,
    onBatch: () => fail('batch'),
    onOpen: () => {
      isOpen = true;
    },
    onFailed: (_id, reason) => fail(reason),
    onSendFailed: (_id, _remote, reason) => fail(reason),
    onWritable: () => fail('writable'),
  });
  try {
    const [level, option] = asking[family];
    const scratch = arena.reserve(HEADER_BYTES + CONTROL_BYTES + 2 * IOVEC_BYTES);
    arena.view.setInt32(scratch, 1, true);
    expect(libc.setsockopt(target.fd, level, option, arena.address + scratch, 4)).toBe(0);
    sockets.open(1, family, 0);
    while (!isOpen) await sleep(1);

    const limits = [undefined, undefined, 1, undefined, 7, 255, undefined, 0, 256, 1.5, undefined];
    for (const [index, limit] of limits.entries()) {
      arena.bytes[scratch + index] = index;
      const remote = `${address}:${target.port}` as Endpoint;
      sockets.send(1, remote, arena.bytes, scratch + index, 1, limit);
    }
    sockets.flush();

    /** The place that a datagram tells, and the hops that it came with. */
    const read = (): readonly [number, number] => {
      const control = scratch + HEADER_BYTES;
      const vector = control + CONTROL_BYTES;
      const data = vector + IOVEC_BYTES;
      arena.bytes.fill(0, scratch, data);
      writeVector(arena.view, vector, arena.address + data, 1);
      writeU64(arena.view, scratch + 16, arena.address + vector);
      writeU64(arena.view, scratch + 24, 1);
      writeU64(arena.view, scratch + 32, arena.address + control);
      writeU64(arena.view, scratch + 40, CONTROL_BYTES);
      expect(libc.recvmsg(target.fd, arena.address + scratch, 0)).toBe(1);
      return [arena.bytes[data] ?? -1, arena.view.getInt32(control + 16, true)];
    };
    expect(limits.map(read)).toEqual(
      limits.map((limit, index) => [
        index,
        limit === 1 || limit === 7 || limit === 255 ? limit : SYSTEM_DEFAULT,
      ]),
    );
    expect(counters.snapshot()).toEqual({ 'udp-ttl-refused': 3 });
  } finally {
    sockets.closeAll();
    libc.close(target.fd);
  }
});
