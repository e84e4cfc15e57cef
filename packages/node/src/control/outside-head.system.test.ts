/** A HEAD request on its own connection, to servers that answer, that don't, and that are others. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { HubPins } from '@warren/core/control/auth-key';
import type { MachineKey } from '@warren/core/keys/keys';
import { systemClock } from '@warren/shell/clock';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { headOutside } from './outside-head.js';

let server: Server;
let url: URL;
let pin: string;
/** Method, path and host of what came. */
let seen: string[];
let status: number | undefined;

beforeEach(async () => {
  const identity = makeSelfSigned(['127.0.0.1'], systemClock.wall());
  pin = identity.pin.split(':')[1] ?? '';
  seen = [];
  status = 204;
  server = createServer({ cert: identity.certificatePem, key: identity.privateKeyPem });
  server.on('request', ({ method, url: path, headers }, response) => {
    seen.push(`${method ?? ''} ${path ?? ''} ${headers.host ?? ''}`);
    if (status !== undefined) response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function head(certificateSha256 = pin, timeoutMs = 10_000): Promise<number> {
  const pins: HubPins = { certificateSha256, controlKey: 'ab'.repeat(32) as MachineKey };
  const { signal } = new AbortController();
  return headOutside({ url, pins, signal }, '/machine/ping-response?id=7', timeoutMs);
}

test('a server that is the pinned one sees it', async () => {
  expect(await head()).toBe(204);
  expect(seen).toEqual([`HEAD /machine/ping-response?id=7 ${url.host}`]);
});

test('a redirection leads nowhere', async () => {
  status = 302;
  expect(await head()).toBe(302);
  expect(seen).toHaveLength(1);
});

test('a server with another certificate sees nothing', async () => {
  await expect(head('cd'.repeat(32))).rejects.toMatchObject({ code: 'TLS_PIN_MISMATCH' });
  expect(seen).toEqual([]);
});

test('a server that keeps silent is given up in time', async () => {
  status = undefined;
  await expect(head(pin, 1000)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(seen).toHaveLength(1);
});
