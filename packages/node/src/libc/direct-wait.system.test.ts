import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { DirectWait, type DirectWaitOptions } from './direct-wait.js';
import { type Libc, loadLibc } from './libc.js';

const libc = await loadLibc();
const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const SOCKADDR_BYTES = 16;

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

/** A socket of the kernel on loopback. */
function bound(): { fd: number; port: number; read: () => number } {
  const fd = libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0);
  const address = new Uint8Array(SOCKADDR_BYTES);
  address.set([AF_INET, 0, 0, 0, 127, 0, 0, 1]);
  const room = new Uint8Array([SOCKADDR_BYTES, 0, 0, 0]);
  expect(libc.bind(fd, libc.addressOf(address), SOCKADDR_BYTES)).toBe(0);
  expect(libc.getsockname(fd, libc.addressOf(address), libc.addressOf(room))).toBe(0);
  const bytes = new Uint8Array(64);
  opened.push({ close: () => libc.close(fd) });
  const port = ((address[2] ?? 0) << 8) | (address[3] ?? 0);
  return { fd, port, read: () => libc.read(fd, libc.addressOf(bytes), bytes.length) };
}

/** What it found by itself, call by call. */
function waitOn(fd: number, options: Partial<DirectWaitOptions> = {}): number[] {
  const found: number[] = [];
  const watching: Libc = {
    ...libc,
    epollWait(...parameters) {
      const count = libc.epollWait(...parameters);
      found.push(count);
      return count;
    },
  };
  const wait = new DirectWait(watching, fd, {
    nextTimerMs: () => 20,
    onHandled: () => undefined,
    ...options,
  });
  opened.push(wait);
  return found;
}

async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!condition() && performance.now() < endsAt) await sleep(5);
  expect(condition()).toBe(true);
}

test('listeners hear of data without a turn of the event loop, which goes on all the same', async () => {
  const { fd, port, read } = bound();
  const heard: number[] = [];
  let handled = 0;
  const poll = libc.poll(fd, { onReadable: () => heard.push(read()), onBroken: () => undefined });
  opened.push(poll);
  const found = waitOn(fd, { onHandled: () => handled++ });
  const answers: string[] = [];
  const other = createSocket('udp4', (bytes) => answers.push(String(bytes)));
  await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', resolve));
  opened.push(other);
  await until(() => found.length > 2);
  for (let i = 1; i <= 5; i++) other.send('x'.repeat(i), port, '127.0.0.1');
  other.send('of Node itself', other.address().port, '127.0.0.1');
  await until(() => heard.length >= 5 && answers.length > 0);
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  expect(answers).toEqual(['of Node itself']);
  expect(handled).toBeGreaterThan(0);
});

test('what is paused or closed is not called, and what is watched anew is', async () => {
  const first = bound();
  const second = bound();
  const heard: string[] = [];
  const listen = (name: string, of: typeof first) => {
    const onReadable = (): void => {
      heard.push(`${name} ${of.read()}`);
    };
    const poll = libc.poll(of.fd, { onReadable, onBroken: () => undefined });
    opened.push(poll);
    return poll;
  };
  const poll = listen('first', first);
  const found = waitOn(first.fd);
  await until(() => found.length > 0);
  poll.watch(false, false);
  const sender = createSocket('udp4');
  opened.push(sender);
  sender.send('paused', first.port, '127.0.0.1');
  const other = listen('second', second);
  sender.send('other', second.port, '127.0.0.1');
  await until(() => heard.length > 0);
  expect(heard).toEqual(['second 5']);
  poll.watch(true, false);
  await until(() => heard.length > 1);
  expect(heard).toEqual(['second 5', 'first 6']);
  other.close();
  sender.send('nobody', second.port, '127.0.0.1');
  sender.send('first', first.port, '127.0.0.1');
  await until(() => heard.length > 2);
  expect(heard[2]).toBe('first 5');
});

test('turns that are asked for come, timers that are due are left to the event loop', async () => {
  const { fd, port, read } = bound();
  const sender = createSocket('udp4');
  opened.push(sender);
  const heard: string[] = [];
  const onReadable = (): void => {
    read();
    heard.push('data');
    libc.soon(() => heard.push('turn'));
  };
  opened.push(libc.poll(fd, { onReadable, onBroken: () => undefined }));
  let isDue = false;
  const found = waitOn(fd, { nextTimerMs: () => (isDue ? 0 : 20) });
  await until(() => found.length > 0);
  sender.send('x', port, '127.0.0.1');
  await until(() => heard.length > 1);
  expect(heard).toEqual(['data', 'turn']);
  isDue = true;
  await sleep(30);
  const calls = found.length;
  await sleep(30);
  expect(found.length).toBe(calls);
});

test('a descriptor that nobody watches is not waited for', async () => {
  const found = waitOn(bound().fd);
  await sleep(50);
  expect(found).toEqual([]);
});
