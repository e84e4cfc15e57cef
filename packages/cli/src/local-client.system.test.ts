/** The client against the daemon's own server on a real socket, and against servers that misbehave. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeError } from '@warren/node/errors';
import type { PingLine, PingRequest, UpEvent, UpRequest } from '@warren/node/local-api/protocol';
import { type LocalApiBackend, LocalApiServer } from '@warren/node/local-api/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalClient } from './local-client.js';
import { dnsAnswer, dnsStatus, whoisReport } from './testing/dns.js';
import { mappedPort } from './testing/portmap.js';
import { easyNetcheck, runningReport, settingsReport } from './testing/reports.js';
import { relayedWhy } from './testing/why.js';

let dir: string;
let socketPath: string;
let abort: AbortController;
let client: LocalClient;
const closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-client-'));
  socketPath = join(dir, 'warren.sock');
  abort = new AbortController();
  client = new LocalClient(socketPath, abort.signal);
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(dir, { recursive: true });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('with the daemon’s server', () => {
  const pong: PingLine = {
    seq: 1,
    peer: 'printer',
    address: '100.64.0.7',
    path: 'direct',
    endpoint: '192.0.2.7:41641',
    latencyMs: 3.25,
    elapsedMs: 4,
  };
  const running: UpEvent = { event: 'running', name: 'laptop', addresses: ['100.64.0.2'] };
  let asked: (PingRequest | UpRequest)[];
  let downs: number;
  let ends = 0;
  let isConnected: boolean;
  let left: Promise<void>;

  beforeEach(async () => {
    asked = [];
    downs = 0;
    isConnected = true;
    let leave: () => void = () => undefined;
    left = new Promise((resolve) => {
      leave = resolve;
    });
    const backend: LocalApiBackend = {
      status: () => Promise.resolve(runningReport),
      async up(request, emit, signal) {
        asked.push(request);
        emit({ event: 'state', state: 'Starting' });
        if (request.authKey === 'wrong') {
          throw new NodeError('LOGIN_REFUSED', 'no such key', 'make another');
        }
        if (request.authKey === 'slow') {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          leave();
          return;
        }
        if (request.authKey !== 'short') emit(running);
      },
      down: async () => {
        downs++;
      },
      logout: () => Promise.resolve({ told: false }),
      why: () => Promise.resolve(relayedWhy),
      async ping(request, emit) {
        asked.push(request);
        if (request.peer === 'nobody') throw new NodeError('PEER_UNKNOWN', 'no nobody', 'status');
        emit(pong);
        if (request.peer === 'vanishing') throw new NodeError('NOT_RUNNING', 'stopped', 'up');
      },
      netcheck(onProgress) {
        if (!isConnected) {
          return Promise.reject(new NodeError('NOT_RUNNING', 'stopped', 'run `warren up`'));
        }
        onProgress('asking');
        return Promise.resolve(easyNetcheck);
      },
      portMap: () => Promise.resolve(mappedPort),
      dnsStatus: () => dnsStatus,
      dnsQuery: () => Promise.resolve(dnsAnswer),
      whois: () => whoisReport,
      relayMap: () => ({ Regions: {} }),
      settings: () => settingsReport,
      changeSettings(request) {
        const { staticEndpoints: set = [] } = request;
        const { staticEndpoints } = settingsReport;
        return { ...settingsReport, staticEndpoints: { ...staticEndpoints, set } };
      },
      shutdown: () => {
        ends++;
      },
    };
    const server = await LocalApiServer.listen(socketPath, backend);
    closers.push(() => server.close());
  });

  test('settings are read, and changed as asked', async () => {
    expect(await client.settings()).toEqual(settingsReport);
    const changed = await client.changeSettings({ staticEndpoints: ['192.0.2.1:1'] });
    expect(changed.staticEndpoints.set).toEqual(['192.0.2.1:1']);
  });

  test('a network check comes with what it does meanwhile, or with why there is none', async () => {
    const heard: string[] = [];
    expect(await client.netcheck((message) => heard.push(message))).toEqual(easyNetcheck);
    expect(heard).toEqual(['asking']);
    expect(await client.relayMap()).toEqual({ Regions: {} });
    isConnected = false;
    await expect(client.netcheck(() => undefined)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });

  test('status comes as the daemon sent it', async () => {
    expect(await client.status()).toEqual(runningReport);
  });

  test('logout says whether control was told, and the daemon can be ended', async () => {
    expect(await client.logout()).toEqual({ told: false });
    await client.shutdown();
    expect(ends).toBe(1);
  });

  test('down reaches the daemon', async () => {
    await client.down();
    expect(downs).toBe(1);
  });

  test('up streams events until the node runs', async () => {
    const events = await collect(client.up({ authKey: 'k', hostName: 'laptop' }, abort.signal));
    expect(events).toEqual([{ event: 'state', state: 'Starting' }, running]);
    expect(asked).toEqual([{ authKey: 'k', hostName: 'laptop' }]);
  });

  test('a refused up keeps the daemon’s code and hint', async () => {
    await expect(collect(client.up({ authKey: 'wrong' }, abort.signal))).rejects.toMatchObject({
      code: 'LOGIN_REFUSED',
      message: 'no such key',
      hint: 'make another',
    });
  });

  test('an up that ends without a verdict is a lost daemon, not success', async () => {
    await expect(collect(client.up({ authKey: 'short' }, abort.signal))).rejects.toMatchObject({
      code: 'DAEMON_LOST',
    });
  });

  test('aborting an up closes the connection, which the daemon sees', async () => {
    const events = client.up({ authKey: 'slow' }, abort.signal);
    expect((await events.next()).value).toEqual({ event: 'state', state: 'Starting' });
    abort.abort();
    await expect(events.next()).rejects.toMatchObject({ name: 'AbortError' });
    await left;
  });

  test('pings carry their options and come back line by line', async () => {
    const request = {
      peer: 'printer',
      count: 3,
      untilDirect: false,
      timeoutMs: 500,
      intervalMs: 20,
    };
    expect(await collect(client.ping(request))).toEqual([pong]);
    expect(asked).toEqual([request]);
  });

  test('an unknown peer, and an end in the middle, are the daemon’s errors', async () => {
    await expect(collect(client.ping({ peer: 'nobody' }))).rejects.toMatchObject({
      code: 'PEER_UNKNOWN',
    });
    const lines = client.ping({ peer: 'vanishing' });
    expect((await lines.next()).value).toEqual(pong);
    await expect(lines.next()).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });
});

describe('with a daemon that misbehaves', () => {
  async function serve(listener: RequestListener): Promise<void> {
    const server: Server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    closers.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
  }

  test('no socket, or one that nobody listens on, is an absent daemon', async () => {
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_ABSENT' });
  });

  test.each([
    ['not JSON', 'hello'],
    ['JSON of another shape', '{"state":1}'],
    ['null', 'null'],
  ])('%s is an answer that is not understood', async (_name, body) => {
    await serve((_request, response) => response.end(body));
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_ANSWER' });
    await expect(collect(client.ping({ peer: 'x' }))).rejects.toMatchObject({
      code: expect.stringMatching(/^DAEMON_(ANSWER|LOST)$/) as string,
    });
  });

  test('a refusal without a report is not understood either', async () => {
    await serve((_request, response) => response.writeHead(500).end('"no"'));
    await expect(client.status()).rejects.toMatchObject({ code: 'DAEMON_ANSWER' });
  });

  test('a daemon that dies in the middle of a line is lost', async () => {
    await serve((_request, response) => {
      response.write('{"seq":1,"path":"no');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(collect(client.ping({ peer: 'x' }))).rejects.toMatchObject({
      code: 'DAEMON_LOST',
    });
  });

  test('a line split at any byte is put together', async () => {
    const line = '{"seq":1,"peer":"ü","address":"100.64.0.7","path":"none","reason":"–"}\n';
    await serve((_request, response) => {
      const bytes = Buffer.from(line + line);
      let at = 0;
      const next = () => {
        if (at === bytes.length) response.end();
        else response.write(bytes.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    });
    const lines = await collect(client.ping({ peer: 'x' }));
    expect(lines).toEqual([JSON.parse(line), JSON.parse(line)]);
  });

  test('a line without end is refused at a bound', async () => {
    await serve((_request, response) => {
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', pour);
      };
      pour();
    });
    await expect(collect(client.ping({ peer: 'x' }))).rejects.toMatchObject({
      code: 'DAEMON_ANSWER',
    });
  });
});
