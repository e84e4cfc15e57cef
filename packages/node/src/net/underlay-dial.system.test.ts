/** Connections that libc makes and Node takes over, over loopback. Marks need rights: the lab sees what they do. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IpAddress } from '@warren/core/ip/address';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadLibc } from '../libc/libc.js';
import { UnderlayDialer } from './underlay-dial.js';

let server: Server;
let port: number;
const signal = (ms = 5_000): AbortSignal => AbortSignal.timeout(ms);
const loopback = '127.0.0.1' as IpAddress;
const nobody = '127.0.0.2' as IpAddress;

beforeEach(async () => {
  server = createServer((socket) => socket.pipe(socket)).listen(0, loopback);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.close();
});

test('bytes go both ways, and the end is seen', async () => {
  const dialer = new UnderlayDialer(await loadLibc());
  const socket = await dialer.dial({ host: loopback, port, signal: signal() });
  expect(socket.remoteAddress).toBe(loopback);
  const bytes = Buffer.alloc(300_000, 'warren');
  let seen = 0;
  socket.on('data', (data: Buffer) => {
    seen += data.length;
    if (seen === bytes.length) socket.end();
  });
  socket.write(bytes);
  await once(socket, 'close');
  expect(seen).toBe(bytes.length);
});

test('an address that refuses is passed over; when all do, the reason is the system’s', async () => {
  const dialer = new UnderlayDialer(await loadLibc());
  const socket = await dialer.dial({
    host: 'x',
    addresses: [nobody, loopback],
    port,
    signal: signal(),
  });
  expect(socket.remoteAddress).toBe(loopback);
  socket.destroy();
  await expect(dialer.dial({ host: nobody, port, signal: signal() })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('a name whose resolver has died leads where it led before; a stranger’s leads nowhere', async () => {
  let isAlive = true;
  const lookup = async (): Promise<readonly { address: string }[]> => {
    if (!isAlive) await sleep(60_000, undefined, { ref: false });
    return [{ address: loopback }];
  };
  const dialer = new UnderlayDialer(await loadLibc(), lookup);
  (await dialer.dial({ host: 'hub.example', port, signal: signal() })).destroy();
  isAlive = false;
  (await dialer.dial({ host: 'hub.example', port, signal: signal(20_000) })).destroy();
  await expect(
    dialer.dial({ host: 'other.example', port, signal: signal(300) }),
  ).rejects.toMatchObject({ code: 'ETIMEDOUT' });
});
