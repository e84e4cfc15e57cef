import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '@warren/core/base/counters';
import type { SocketId } from '@warren/core/engines/paths';
import type { Endpoint } from '@warren/core/ip/address';
import type { UdpSink } from '@warren/core/packet-engine/packet-ports';
import { afterEach, describe, expect, test } from 'vitest';
import { loadLibc } from '../libc/libc.js';
import { Arena } from '../plane/arena.js';
import { DgramSockets } from './dgram-sockets.js';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from './linux-sockets.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Sockets extends UdpSink {
  flush?(): void;
  closeAll(): void;
}

const libc = process.platform === 'linux' ? await loadLibc() : undefined;

/** Sockets that remember what they told. */
function ears(kind: 'node:dgram' | 'Linux') {
  const heard: string[] = [];
  const ports = new Map<SocketId, number>();
  const counters = new Counters();
  const events = {
    counters,
    onOpen: (id: SocketId, port: number) => {
      ports.set(id, port);
      heard.push(`open ${id}`);
    },
    onFailed: (id: SocketId, reason: string) => heard.push(`failed ${id} ${reason}`),
    onSendFailed: (id: SocketId, remote: Endpoint, reason: string) =>
      heard.push(`unsent ${id} ${remote} ${reason}`),
  };
  const hear = (id: SocketId, source: Endpoint, bytes: Uint8Array): void => {
    heard.push(`${id} ${source} ${Buffer.from(bytes)}`);
  };
  let sockets: Sockets;
  if (kind === 'Linux' && libc !== undefined) {
    sockets = new LinuxSockets({
      ...events,
      libc,
      arena: new Arena(LINUX_SOCKETS_ARENA_BYTES, (bytes) => libc.addressOf(bytes)),
      onBatch: (id, { memory, offsets, lengths, sources, count }) => {
        for (let i = 0; i < count; i++) {
          const at = offsets[i] ?? 0;
          hear(id, sources[i] as Endpoint, memory.subarray(at, at + (lengths[i] ?? 0)));
        }
      },
      onWritable: () => heard.push('writable'),
    });
  } else {
    sockets = new DgramSockets({ ...events, onDatagram: hear });
  }
  closing.push(() => sockets.closeAll());
  return { sockets, heard, ports, counters };
}

const say = (sockets: Sockets, id: SocketId, remote: string, text = 'hi'): void => {
  const bytes = Buffer.from(`__${text}__`);
  sockets.send(id, remote as Endpoint, bytes, 2, text.length);
  sockets.flush?.();
};

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 5_000; !holds() && performance.now() < end; ) await sleep(5);
  expect(holds()).toBe(true);
}

const zoned = Object.entries(networkInterfaces())
  .flatMap(([name, entries]) => (entries ?? []).map((entry) => ({ name, ...entry })))
  .find(({ address }) => address.startsWith('fe80:'));

const kinds = libc === undefined ? (['node:dgram'] as const) : (['node:dgram', 'Linux'] as const);

describe.each(kinds)('sockets of %s', (kind) => {
  test('both families share a port, each takes its own datagrams, and each sends on its own', async () => {
    const { sockets, heard, ports } = ears(kind);
    sockets.open(1, 4, 0);
    await until(() => ports.has(1));
    const port = ports.get(1) ?? 0;
    sockets.open(2, 6, port);
    await until(() => ports.get(2) === port);
    heard.length = 0;
    say(sockets, 1, `127.0.0.1:${port}`);
    say(sockets, 2, `[::1]:${port}`);
    await until(() => heard.length === 2);
    expect(heard.sort()).toEqual([`1 127.0.0.1:${port} hi`, `2 [::1]:${port} hi`]);
  });

  test('an address of the other family is refused, not sent elsewhere', async () => {
    const { sockets, heard, ports } = ears(kind);
    sockets.open(1, 4, 0);
    sockets.open(2, 6, 0);
    await until(() => ports.size === 2);
    heard.length = 0;
    say(sockets, 2, `127.0.0.1:${ports.get(1)}`);
    say(sockets, 1, `[::1]:${ports.get(2)}`);
    await until(() => heard.length === 2);
    expect(heard.map((line) => line.slice(0, 8)).sort()).toEqual(['unsent 1', 'unsent 2']);
  });

  test('a taken port fails with its reason, and the socket can be opened again elsewhere', async () => {
    const other = createSocket('udp4');
    closing.push(() => other.close());
    await new Promise<void>((resolve) => other.bind(0, resolve));
    const { sockets, heard } = ears(kind);
    sockets.open(1, 4, other.address().port);
    await until(() => heard.length === 1);
    sockets.open(1, 4, 0);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['failed 1 EADDRINUSE', 'open 1']);
  });

  test('opening again closes what was open, so that the port is free', async () => {
    const { sockets, heard, ports } = ears(kind);
    sockets.open(1, 4, 0);
    await until(() => ports.has(1));
    sockets.open(1, 4, ports.get(1) ?? 0);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['open 1', 'open 1']);
  });

  test('closed in mid-send, closed twice, sent to when closed: nothing throws, and drops are counted', async () => {
    const { sockets, counters, ports } = ears(kind);
    sockets.open(1, 4, 0);
    await until(() => ports.has(1));
    for (let i = 0; i < 100; i++) say(sockets, 1, `127.0.0.1:${ports.get(1)}`);
    sockets.close(1);
    sockets.close(1);
    say(sockets, 1, `127.0.0.1:${ports.get(1)}`);
    await sleep(50);
    expect(counters.get('udp-no-socket')).toBe(1);
  });

  test.skipIf(zoned === undefined)(
    'a source that needs its zone is no endpoint: an answer would go astray',
    async () => {
      const { sockets, heard, ports, counters } = ears(kind);
      sockets.open(2, 6, 0);
      await until(() => ports.has(2));
      heard.length = 0;
      const near = createSocket('udp6');
      closing.push(() => near.close());
      near.send('hi', ports.get(2) ?? 0, `${zoned?.address}%${zoned?.name}`);
      await until(() => counters.get('udp-source-zoned') === 1);
      expect(heard).toEqual([]);
    },
  );

  test('datagrams with a limit of their own go between others; one that is no limit is none', async () => {
    const { sockets, heard, ports, counters } = ears(kind);
    sockets.open(1, 4, 0);
    sockets.open(2, 6, 0);
    await until(() => ports.size === 2);
    heard.length = 0;
    const bytes = (text: string): Buffer => Buffer.from(text);
    for (const [id, at] of [
      [1, `127.0.0.1:${ports.get(1)}`],
      [2, `[::1]:${ports.get(2)}`],
    ] as const) {
      for (const [index, ttl] of [undefined, 1, 2, undefined, 255, 1].entries()) {
        sockets.send(id, at as Endpoint, bytes(`${index}`), 0, 1, ttl);
        sockets.flush?.();
      }
    }
    await until(() => heard.length === 12);
    const texts = (id: SocketId): string =>
      heard.flatMap((line) => (line.startsWith(`${id} `) ? [line.at(-1)] : [])).join('');
    expect([texts(1), texts(2)]).toEqual(['012345', '012345']);
    expect(counters.snapshot()).toEqual({});
    sockets.send(1, `127.0.0.1:${ports.get(1)}` as Endpoint, bytes('x'), 0, 1, 300);
    sockets.flush?.();
    await until(() => heard.at(-1)?.endsWith(' x') === true);
    expect(counters.snapshot()).toEqual({ 'udp-ttl-refused': 1 });
  });
});
