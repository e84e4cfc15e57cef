import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { HealthPort } from './health-port.js';

let problem: string | undefined;
let port: HealthPort | undefined;

async function open(): Promise<number> {
  problem = undefined;
  port = await HealthPort.open(0, () => problem, ['127.0.0.1', '127.0.0.1']);
  return port.port;
}

afterEach(async () => {
  await port?.close();
});

/** What comes back for these bytes until the other side ends the connection. */
function talk(to: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: to, host: '127.0.0.1' }, () => socket.write(text));
    let heard = '';
    socket.on('data', (part) => {
      heard += part.toString();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
  });
}

const asking = (method: string): string => `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`;

test('a balancer hears ok while the node runs, and 503 with the reason otherwise', async () => {
  const to = await open();
  const good = await fetch(`http://127.0.0.1:${to}/any/path`);
  expect([good.status, await good.text()]).toEqual([200, 'ok\n']);
  problem = 'no UDP socket';
  const bad = await fetch(`http://127.0.0.1:${to}/`);
  expect([bad.status, await bad.text()]).toEqual([503, 'no UDP socket\n']);
});

test('only questions are answered, once a connection, and long ones are not read', async () => {
  const to = await open();
  expect(await talk(to, asking('POST'))).toMatch(/^HTTP\/1\.1 405 /);
  const twice = await talk(to, asking('GET') + asking('GET'));
  expect(twice.match(/HTTP\/1\.1/g)).toHaveLength(1);
  const long = await talk(to, `GET / HTTP/1.1\r\nX: ${'x'.repeat(8_000)}\r\n\r\n`);
  expect(long).toMatch(/^HTTP\/1\.1 431 /);
  expect(await talk(to, '\x16\x03\x01nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('a flood of silent connections is cut off, and the port answers again', async () => {
  const to = await open();
  let closed = 0;
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connect({ port: to, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    socket.on('close', () => closed++);
    return socket;
  });
  const start = performance.now();
  while (closed < sockets.length && performance.now() - start < 20_000) await sleep(50);
  expect(closed).toBe(sockets.length);
  expect(await talk(to, asking('GET'))).toMatch(/^HTTP\/1\.1 200 /);
}, 30_000);

test('a port that is taken is said at once', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port: taken } = other.address() as { port: number };
  await expect(
    HealthPort.open(taken, () => undefined, ['127.0.0.1', '127.0.0.1']),
  ).rejects.toMatchObject({ code: 'HEALTH_PORT' });
  other.close();
});
