import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '@warren/core/base/counters';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import { afterEach, describe, expect, test } from 'vitest';
import { EAGAIN } from '../libc/errno.js';
import { type Libc, loadLibc } from '../libc/libc.js';
import { Arena } from '../plane/arena.js';
import { SocketCalls, type UdpOffload } from './linux-socket.js';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from './linux-sockets.js';

const libc = await loadLibc();
const kernel = new SocketCalls(libc, new Arena(4096, libc.addressOf)).probeOffload();
const hasAll = kernel.segments && kernel.gro;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** The kernel, with a count of calls, and switches for having no room or refusing everything with an error. */
function spiedLibc() {
  const seen = { sent: 0, received: 0, fds: [] as number[], isFull: false, refusal: 0 };
  let errno: number | undefined;
  const spied: Libc = {
    ...libc,
    socket: (...args) => {
      const fd = libc.socket(...args);
      seen.fds.push(fd);
      return fd;
    },
    sendmsg: (...args) => {
      seen.sent++;
      const refusal = seen.isFull ? EAGAIN : seen.refusal;
      errno = refusal === 0 ? undefined : refusal;
      return refusal === 0 ? libc.sendmsg(...args) : -1;
    },
    recvmsg: (...args) => {
      seen.received++;
      errno = undefined;
      return libc.recvmsg(...args);
    },
    errno: () => errno ?? libc.errno(),
  };
  return { libc: spied, seen };
}

const DATA_BYTES = 4 * 1024 * 1024;

/** Open sockets; `data` is a part of the arena for datagrams. */
async function stage(ids: readonly (readonly [SocketId, 4 | 6])[], offload?: UdpOffload) {
  const spied = spiedLibc();
  const arena = new Arena(LINUX_SOCKETS_ARENA_BYTES + DATA_BYTES + 65_536, libc.addressOf);
  const data = arena.reserve(DATA_BYTES);
  const counters = new Counters();
  const heard = new Map<SocketId, Buffer[]>(ids.map(([id]) => [id, []]));
  const told: string[] = [];
  const ports = new Map<SocketId, number>();
  const hooks = { afterBatch: (): void => {} };
  const sockets = new LinuxSockets({
    libc: spied.libc,
    arena,
    counters,
    ...(offload !== undefined && { offload }),
    onBatch: (id, { memory, offsets, lengths, count }) => {
      for (let i = 0; i < count; i++) {
        const at = offsets[i] ?? 0;
        heard.get(id)?.push(Buffer.from(memory.slice(at, at + (lengths[i] ?? 0))));
      }
      hooks.afterBatch();
    },
    onOpen: (id, port) => ports.set(id, port),
    onFailed: (id, reason) => told.push(`failed ${id} ${reason}`),
    onSendFailed: (id, remote, reason) => told.push(`unsent ${id} ${remote} ${reason}`),
    onWritable: () => told.push('writable'),
  });
  closing.push(() => sockets.closeAll());
  for (const [id, family] of ids) sockets.open(id, family, 0);
  await until(() => ports.size === ids.length);
  const families = new Map(ids);
  const of = (id: SocketId): Endpoint =>
    `${families.get(id) === 6 ? '[::1]' : '127.0.0.1'}:${ports.get(id)}` as Endpoint;
  return { ...spied, arena, data, counters, heard, told, ports, hooks, sockets, of };
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !holds() && performance.now() < end; ) {
    await sleep(2);
  }
  expect(holds()).toBe(true);
}

const everyOffload: UdpOffload[] = [
  { segments: false, gro: false },
  ...(kernel.segments ? [{ segments: true, gro: false }] : []),
  ...(kernel.gro ? [{ segments: false, gro: true }] : []),
  ...(hasAll ? [kernel] : []),
];

describe.each(everyOffload)('with segments: $segments, gro: $gro', (offload) => {
  test.each([1, 2, 3])(
    'sizes and remotes by turns: all arrive whole and in order (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const ids = [
        [1, 4],
        [2, 4],
        [3, 4],
        [4, 6],
        [5, 6],
      ] as const;
      const { sockets, arena, data, heard, of, counters, told } = await stage(ids, offload);
      const expected = new Map<SocketId, Buffer[]>(ids.map(([id]) => [id, []]));
      let at = data;
      let [size, to] = [1400, 2];
      for (let i = 0; i < 1200; i++) {
        if (random.below(8) === 0) size = [0, 1, 60, 1200, 1400, 9000][random.below(6)] ?? 0;
        if (random.below(8) === 0) to = [2, 3, 5][random.below(3)] ?? 2;
        const bytes = random.fill(Buffer.alloc(size));
        const isOutside = random.below(10) === 0;
        if (isOutside) {
          sockets.send(to === 5 ? 4 : 1, of(to), bytes, 0, size);
        } else {
          arena.bytes.set(bytes, at);
          sockets.send(to === 5 ? 4 : 1, of(to), arena.bytes, at, size);
          at += size + 16;
        }
        expected.get(to)?.push(Buffer.from(bytes));
        if (isOutside) bytes.fill(0); // theirs again after the call
        if (at > data + 100_000 || random.below(100) === 0) {
          sockets.flush();
          at = data;
          await until(() =>
            [2, 3, 5].every((id) => heard.get(id)?.length === expected.get(id)?.length),
          );
        }
      }
      sockets.flush();
      await until(() =>
        [2, 3, 5].every((id) => heard.get(id)?.length === expected.get(id)?.length),
      );
      for (const id of [2, 3, 5]) {
        const [are, should] = [heard.get(id) ?? [], expected.get(id) ?? []];
        expect(are.findIndex((bytes, i) => !bytes.equals(should[i] ?? Buffer.alloc(1)))).toBe(-1);
      }
      expect([counters.snapshot(), told]).toEqual([{}, []]);
    },
  );

  test('the longest datagram passes, a longer one is refused after the call', async () => {
    const { sockets, arena, data, heard, of, told } = await stage(
      [
        [1, 4],
        [2, 4],
      ],
      offload,
    );
    arena.bytes.fill(7, data, data + 70_000);
    sockets.send(1, of(2), arena.bytes, data, 65_507);
    for (const length of [65_508, 65_536, 70_000])
      sockets.send(1, of(2), arena.bytes, data, length);
    sockets.send(1, of(2), new Uint8Array(70_000), 0, 70_000);
    sockets.flush();
    expect(told).toEqual([]);
    await until(() => told.length === 4 && heard.get(2)?.length === 1);
    expect(heard.get(2)?.[0]?.equals(Buffer.alloc(65_507, 7))).toBe(true);
    expect(new Set(told)).toEqual(new Set([`unsent 1 ${of(2)} EMSGSIZE`]));
  });

  test('257 sockets take and send each their own', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const ids = Array.from({ length: 257 }, (_, i) => [i + 1, i % 2 === 0 ? 4 : 6] as const);
    const { sockets, arena, data, heard, of, ports, counters } = await stage(ids, offload);
    expect(new Set(ports.values()).size).toBeGreaterThan(128);
    for (const [id] of ids) {
      const to = id + 2 > 257 ? id - 2 : id + 2;
      arena.view.setUint32(data + id * 8, to);
      sockets.send(id, of(to), arena.bytes, data + id * 8, 4);
    }
    sockets.flush();
    await until(() => [...heard.values()].flat().length === 257);
    for (const [id, all] of heard) for (const one of all) expect(one.readUInt32BE()).toBe(id);
    expect(counters.snapshot()).toEqual({});
    sockets.closeAll();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});

test.runIf(hasAll)('a burst leaves and comes in by few calls', async () => {
  const { sockets, arena, data, heard, of, seen } = await stage([
    [1, 4],
    [2, 4],
    [3, 6],
    [4, 6],
  ]);
  for (const [from, to] of [
    [1, 2],
    [3, 4],
  ] as const) {
    for (let i = 0; i < 300; i++) {
      arena.view.setUint32(data + i * 1000, i);
      sockets.send(from, of(to), arena.bytes, data + i * 1000, i === 299 ? 500 : 1000);
    }
    sockets.flush();
    await until(() => heard.get(to)?.length === 300);
    expect(heard.get(to)?.map((bytes) => bytes.readUInt32BE())).toEqual([...Array(300).keys()]);
  }
  expect(seen.sent).toBe(2 * Math.ceil(300 / 64));
  expect(seen.received).toBeLessThan(100);
});

test.runIf(hasAll)('remotes by turns, two paths of one packet: still few calls', async () => {
  const { sockets, arena, data, heard, of, seen } = await stage([
    [1, 4],
    [2, 4],
    [3, 4],
  ]);
  for (let i = 0; i < 128; i++) {
    for (const to of [2, 3]) sockets.send(1, of(to), arena.bytes, data + i * 1000, 1000);
  }
  sockets.flush();
  await until(() => heard.get(2)?.length === 128 && heard.get(3)?.length === 128);
  expect(seen.sent).toBe(4);
});

test.runIf(hasAll)(
  'bundles that the kernel refuses go one by one, and are tried again later',
  async () => {
    const { sockets, arena, data, heard, of, seen, counters, told } = await stage([
      [1, 4],
      [2, 4],
    ]);
    // Without checksums the kernel takes no bundle: the refusal of devices that can't compute them.
    arena.view.setInt32(data, 1, true);
    const [SOL_SOCKET, SO_NO_CHECK] = [1, 11];
    expect(
      libc.setsockopt(seen.fds[1] ?? -1, SOL_SOCKET, SO_NO_CHECK, arena.address + data, 4),
    ).toBe(0);
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 100; i++) sockets.send(1, of(2), arena.bytes, data, 1000);
      sockets.flush();
      await until(() => heard.get(2)?.length === round * 100);
    }
    expect(counters.snapshot()).toEqual({ 'udp-segments-refused': 1 });
    expect(told).toEqual([]);
    arena.view.setInt32(data, 0, true);
    libc.setsockopt(seen.fds[1] ?? -1, SOL_SOCKET, SO_NO_CHECK, arena.address + data, 4);
    for (let i = 0; i < 5000; i++) {
      sockets.send(1, of(2), arena.bytes, data, 1000);
      if (i % 100 === 0) await sleep(1);
    }
    seen.sent = 0;
    for (let i = 0; i < 64; i++) sockets.send(1, of(2), arena.bytes, data, 1000);
    sockets.flush();
    expect(seen.sent).toBeLessThan(4);
  },
);

test('what the system refuses is told once per bundle, after the call, and others are sent', async () => {
  const { sockets, arena, data, heard, of, told } = await stage([
    [1, 4],
    [2, 4],
  ]);
  // Not without SO_BROADCAST.
  for (let i = 0; i < 50; i++) {
    sockets.send(1, '255.255.255.255:9' as Endpoint, arena.bytes, data, 100);
    sockets.send(1, of(2), arena.bytes, data, 100);
  }
  sockets.flush();
  expect(told).toEqual([]);
  await until(() => told.length > 0 && heard.get(2)?.length === 50);
  expect(new Set(told)).toEqual(new Set(['unsent 1 255.255.255.255:9 EACCES']));
  expect(told.length).toBe(kernel.segments ? 1 : 50);
});

test.each([
  ['ENOBUFS', constants.errno.ENOBUFS],
  ['ENETUNREACH', constants.errno.ENETUNREACH],
  ['EHOSTUNREACH', constants.errno.EHOSTUNREACH],
  ['EPERM', constants.errno.EPERM],
])(
  '%s loses what it refuses, is told, and holds up nothing that comes later',
  async (name, errno) => {
    const { sockets, arena, data, heard, of, seen, told } = await stage([
      [1, 4],
      [2, 4],
    ]);
    seen.refusal = errno;
    for (let i = 0; i < 50; i++) sockets.send(1, of(2), arena.bytes, data, 100);
    sockets.flush();
    expect(sockets.isBlocked).toBe(false);
    await until(() => told.length > 0);
    expect(new Set(told)).toEqual(new Set([`unsent 1 ${of(2)} ${name}`]));
    seen.refusal = 0;
    for (let i = 0; i < 50; i++) sockets.send(1, of(2), arena.bytes, data, 100);
    sockets.flush();
    await until(() => heard.get(2)?.length === 50);
  },
);

const IP_RECVERR = 11;
const IPV6_RECVERR = 25;

test('errors that come in are taken off, counted, and the socket lives', async () => {
  const { sockets, arena, data, heard, of, seen, counters, told, ports } = await stage([
    [1, 4],
    [2, 4],
    [3, 6],
    [4, 6],
  ]);
  // With it ICMP's answers are errors of the socket, which stop libuv's poll.
  const options = { 1: [0, IP_RECVERR], 3: [41, IPV6_RECVERR] } as const;
  const closed = { 1: of(2), 3: of(4) };
  const [ports1, ports3] = [ports.get(1) ?? 0, ports.get(3) ?? 0];
  const [fdOf1, fdOf3] = [seen.fds[1] ?? -1, seen.fds[3] ?? -1];
  arena.view.setInt32(data, 1, true);
  expect(libc.setsockopt(fdOf1, ...options[1], arena.address + data, 4)).toBe(0);
  expect(libc.setsockopt(fdOf3, ...options[3], arena.address + data, 4)).toBe(0);
  sockets.close(2);
  sockets.close(4);
  for (const id of [1, 3] as const) {
    for (let i = 0; i < 20; i++) {
      sockets.send(id, closed[id], arena.bytes, data, 10);
      sockets.flush();
      await sleep(1);
    }
    expect(counters.get('udp-receive-failed')).toBeGreaterThan(0);
  }
  ports.clear();
  sockets.open(2, 4, 0);
  sockets.open(4, 6, 0);
  await until(() => ports.size === 2);
  ports.set(1, ports1).set(3, ports3);
  for (const [a, b] of [
    [1, 2],
    [3, 4],
  ] as const) {
    sockets.send(a, of(b), arena.bytes, data, 10);
    sockets.send(b, of(a), arena.bytes, data, 10);
    sockets.flush();
    await until(() => heard.get(a)?.length === 1 && heard.get(b)?.length === 1);
  }
  expect(told).toEqual([]);
});

test('without room in the kernel datagrams wait, in order and bounded, and the plane is told when to go on', async () => {
  const { sockets, arena, data, heard, of, seen, counters, told } = await stage([
    [1, 4],
    [2, 4],
  ]);
  const say = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      arena.view.setUint32(data + i * 100, i);
      sockets.send(1, of(2), arena.bytes, data + i * 100, 100);
    }
    sockets.flush();
    arena.bytes.fill(0, data, data + DATA_BYTES);
  };
  seen.isFull = true;
  say(0, 100);
  expect(sockets.isBlocked).toBe(true);
  sockets.send(1, of(2), new Uint8Array([0, 0, 0, 100]), 0, 4, 9);
  seen.isFull = false;
  say(101, 120); // there is room again, but others were first
  expect(heard.get(2)).toEqual([]);
  await until(() => heard.get(2)?.length === 120 && !sockets.isBlocked);
  expect(heard.get(2)?.map((bytes) => bytes.readUInt32BE())).toEqual([...Array(120).keys()]);
  expect(told).toEqual(['writable']);
  expect(counters.snapshot()).toEqual({});
  seen.isFull = true;
  for (let i = 0; i < 100; i++) say(i, i + 1);
  expect(counters.get('udp-send-queue-full')).toBe(100 - 32);
  sockets.close(1);
  expect(counters.get('udp-no-socket')).toBe(32);
  expect(sockets.isBlocked).toBe(false);
  await until(() => told.length === 2);
  expect(told).toEqual(['writable', 'writable']);
});

test('without room a flood to one remote costs another nothing, and remotes take turns', async () => {
  const { sockets, arena, data, heard, of, seen, counters } = await stage([
    [1, 4],
    [2, 4],
    [3, 4],
  ]);
  seen.isFull = true;
  for (let i = 0; i < 100; i++) {
    arena.view.setUint32(data, i);
    sockets.send(1, of(2), arena.bytes, data, 1000);
    if (i % 30 === 0) sockets.send(1, of(3), arena.bytes, data, 100);
    sockets.flush();
  }
  seen.isFull = false;
  await until(() => heard.get(3)?.length === 4 && !sockets.isBlocked);
  await until(() => heard.get(2)?.length === 28);
  expect(counters.get('udp-send-queue-full')).toBe(100 - 28);
  // What waits longest goes first, and of each remote in order.
  const numbers = heard.get(2)?.map((bytes) => bytes.readUInt32BE(0)) ?? [];
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(heard.get(3)?.map((bytes) => bytes.readUInt32BE(0))).toEqual([0, 30, 60, 90]);
});

test('closed from within a batch, and opened again at once: nothing of the old one comes any more', async () => {
  const { sockets, arena, data, heard, of, hooks, counters, told } = await stage([
    [1, 4],
    [2, 4],
  ]);
  const to = of(2);
  for (let i = 0; i < 1000; i++) {
    sockets.send(1, to, arena.bytes, data, 1 + (i % 2)); // of sizes by turns, so that they are not joined
  }
  sockets.flush();
  hooks.afterBatch = () => {
    sockets.close(2);
    sockets.open(2, 4, 0);
  };
  await until(() => (heard.get(2)?.length ?? 0) > 0);
  await sleep(20);
  expect(heard.get(2)?.length).toBeLessThan(1000);
  expect([counters.snapshot(), told]).toEqual([{}, []]);
});

test('what is sent while its socket closes leaves; opening in vain is told once, unless closed before', async () => {
  const { sockets, arena, data, heard, of, told } = await stage([
    [1, 4],
    [2, 4],
  ]);
  for (let i = 0; i < 10; i++) sockets.send(1, of(2), arena.bytes, data, 100);
  sockets.close(1);
  await until(() => heard.get(2)?.length === 10);
  const taken = Number(of(2).split(':')[1]);
  sockets.open(7, 4, taken);
  sockets.close(7);
  sockets.open(8, 4, taken);
  await until(() => told.length > 0);
  await sleep(5);
  expect(told).toEqual(['failed 8 EADDRINUSE']);
});
