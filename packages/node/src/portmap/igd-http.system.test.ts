import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Endpoint } from '@warren/core/ip/address';
import { httpBodyMaxBytes } from '@warren/core/portmap/io';
import { afterEach, expect, test } from 'vitest';
import { askDevice, type HttpResult } from './igd-http.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function ask(
  listener: RequestListener,
  { timeoutMs = 20_000, signal = new AbortController().signal, body = '' } = {},
): Promise<HttpResult> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const request = {
    ...({ id: 7, method: body === '' ? 'GET' : 'POST', path: '/ctl', timeoutMs, body } as const),
    ...{ host: `127.0.0.1:${port}` as Endpoint, headers: { SOAPAction: '"a#b"' } },
  };
  return new Promise((resolve) => askDevice(request, signal, resolve));
}

test('a question with its body, and the answer whole', async () => {
  const result = await ask(
    (request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        response.statusCode = 500;
        response.end(`${request.method} ${request.headers['soapaction'] as string} ${text}`);
      });
    },
    { body: '<ä/>' },
  );
  expect(result).toEqual({ type: 'http-answer', id: 7, status: 500, body: 'POST "a#b" <ä/>' });
});

test('a redirect is an answer and is not followed', async () => {
  let asked = 0;
  const result = await ask((_request, response) => {
    asked += 1;
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  expect(result).toMatchObject({ status: 302 });
  expect(asked).toBe(1);
});

test('more than is bearable is not read', async () => {
  const result = await ask((_request, response) => {
    response.write('x'.repeat(httpBodyMaxBytes + 1));
  });
  expect(result).toEqual({ type: 'http-failed', id: 7, reason: 'too-long' });
});

test('silence ends in time, and with the daemon', async () => {
  const silent: RequestListener = () => undefined;
  expect(await ask(silent, { timeoutMs: 50 })).toMatchObject({ reason: 'no answer in time' });
  server?.closeAllConnections();
  server?.close();
  const signal = AbortSignal.timeout(50);
  expect(await ask(silent, { signal })).toMatchObject({ type: 'http-failed' });
});
