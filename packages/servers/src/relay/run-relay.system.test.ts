import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tls from 'node:tls';
import { concatBytes, hexLiteral } from '@warren/core/base/bytes';
import { fail } from '@warren/core/base/failure';
import { endpoint, type IpAddress, parseAddress } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyBytes, publicKeyFromBytes } from '@warren/core/keys/keys';
import {
  decodeBindingResponse,
  encodeBindingRequest,
  encodeChangeRequest,
} from '@warren/core/stun/binding';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { type CertificatePin, parsePin } from '@warren/shell/tls/pins';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LoopbackClient, upgradeToDerp } from './loopback-client.js';
import { type RunningRelay, type RunRelayOptions, runRelay } from './run-relay.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const disco = concatBytes(hexLiteral('5453f09f92ac'), new Uint8Array(60));

let stateDir = '';
const running: { close(): Promise<void> }[] = [];
const clients: LoopbackClient[] = [];

beforeEach(() => {
  stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-relay-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(running.splice(0).map((relay) => relay.close()));
  fs.rmSync(stateDir, { recursive: true, force: true });
});

async function start(options: Partial<RunRelayOptions> = {}): Promise<RunningRelay> {
  const relay = await runRelay({
    crypto,
    random,
    clock: systemClock,
    log: silentLogger,
    port: 0,
    stunPort: 0,
    hostName: '127.0.0.1',
    stateDir,
    regionId: 900,
    regionCode: 'test',
    regionName: 'Test',
    ...options,
  });
  running.push(relay);
  return relay;
}

function pinOf(relay: RunningRelay): CertificatePin {
  const pin = parsePin(relay.region.Nodes[0]?.CertName ?? '');
  if (pin === undefined) throw new Error('a region carries a pin');
  return pin;
}

async function connect(relay: RunningRelay): Promise<LoopbackClient> {
  const client = await LoopbackClient.connect({
    crypto,
    random,
    port: relay.port,
    pin: pinOf(relay),
  });
  clients.push(client);
  return client;
}

const stranger = publicKeyFromBytes('node', new Uint8Array(32).fill(9));

describe('two clients through a relay', () => {
  test('exchange packets of every size, in order', async () => {
    const relay = await start();
    const [a, b] = [await connect(relay), await connect(relay)];
    const packets = [1, 100, 1400, 16_384, 65_536].map((size) => random.fill(new Uint8Array(size)));
    for (const packet of packets) a.send(b.key, packet);
    await b.until(() => b.packets.length === 5);
    expect(b.packets.map(({ packet }) => Buffer.from(packet))).toEqual(
      packets.map((each) => Buffer.from(each)),
    );
    b.send(a.key, disco);
    await a.until(() => a.packets.length === 1);
    expect(a.packets[0]?.source).toBe(b.key);
    expect(relay.stats().pairs).toEqual([
      { source: a.key, target: b.key, discoFrames: 0, dataFrames: 5, dataBytes: 83_421 },
      { source: b.key, target: a.key, discoFrames: 1, dataFrames: 0, dataBytes: 0 },
    ]);
  });

  test('carry a bulk transfer that the receiver keeps up with, without loss', async () => {
    const relay = await start();
    const [a, b] = [await connect(relay), await connect(relay)];
    const total = 20_000;
    for (let sent = 0; sent < total; sent += 100) {
      for (let i = 0; i < 100; i++) a.send(b.key, new Uint8Array(1200));
      await b.until(() => b.packets.length >= sent + 100);
    }
    expect(b.packets).toHaveLength(total);
  });

  test('hear at once when the other was killed, and that an unknown one is not here', async () => {
    const relay = await start();
    const [a, b] = [await connect(relay), await connect(relay)];
    b.send(a.key, disco);
    await a.until(() => a.packets.length === 1);
    b.kill();
    await a.until(() => a.heard.some((output) => output.type === 'peer-gone'));
    expect(a.heard.at(-1)).toEqual({ type: 'peer-gone', peer: b.key, reason: 'disconnected' });
    a.send(stranger, disco);
    await a.until(() => a.heard.at(-1)?.type === 'peer-gone' && a.heard.length === 4);
    expect(a.heard.at(-1)).toEqual({ type: 'peer-gone', peer: stranger, reason: 'not-here' });
    expect(relay.stats().connections).toHaveLength(1);
  });

  test('prefer a home and probe their connection', async () => {
    const relay = await start();
    const a = await connect(relay);
    a.tell({ type: 'prefer', home: true });
    a.tell({ type: 'probe' });
    await expect.poll(() => relay.stats().connections[0]?.home).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 3_300));
    expect(a.heard.map((output) => output.type)).toEqual(['ready']);
  });
});

test('a reader that stops costs its peers nothing and is closed', { timeout: 40_000 }, async () => {
  const relay = await start();
  const [flooder, slow, fine] = [await connect(relay), await connect(relay), await connect(relay)];
  slow.socket.pause();
  const flood = setInterval(() => {
    if (flooder.socket.writableLength > 1e6) return;
    for (let i = 0; i < 300; i++) flooder.send(slow.key, new Uint8Array(1400));
  }, 5);
  try {
    // The kernel's buffers take some megabytes before a write stays under way.
    await expect
      .poll(() => relay.stats().counters['drop-data-full'] ?? 0, { timeout: 15_000 })
      .toBeGreaterThan(1000);
    const askedAt = performance.now();
    flooder.send(fine.key, disco);
    await fine.until(() => fine.packets.length === 1);
    expect(performance.now() - askedAt).toBeLessThan(1_000);
    await expect
      .poll(() => relay.stats().counters['closed-slow-reader'] ?? 0, { timeout: 20_000 })
      .toBe(1);
  } finally {
    clearInterval(flood);
  }
  expect(relay.stats().connections.map((each) => each.key)).toEqual([flooder.key, fine.key]);
});

describe('over HTTP', () => {
  interface Answer {
    readonly status: number;
    readonly headers: http.IncomingHttpHeaders;
    readonly body: string;
  }

  /** One request on a connection of its own. An upgrade that is granted answers with status 101. */
  async function ask(
    relay: RunningRelay,
    url: string,
    options: https.RequestOptions = {},
  ): Promise<Answer> {
    const asked = https.request({
      host: '127.0.0.1',
      port: relay.port,
      path: url,
      rejectUnauthorized: false,
      agent: false,
      ...options,
    });
    return new Promise((resolve, reject) => {
      asked.on('error', reject);
      asked.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve({ status: 101, headers: response.headers, body: '' });
      });
      asked.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      });
      asked.end();
    });
  }

  const upgrade = (to: string, more: Record<string, string> = {}) => ({
    headers: { Connection: 'Upgrade', Upgrade: to, ...more },
  });

  test('the upgrade names the version and the key, whatever the case of the word', async () => {
    const relay = await start();
    for (const word of ['DERP', 'derp']) {
      const { status, headers } = await ask(relay, '/derp', upgrade(word));
      expect(status).toBe(101);
      expect(headers).toMatchObject({
        upgrade: 'DERP',
        'derp-version': '2',
        'derp-public-key': relay.stats().publicKey,
      });
    }
  });

  test('wrong upgrades, methods and paths are told so', async () => {
    const relay = await start();
    const cases: [string, https.RequestOptions, number][] = [
      ['/derp', {}, 426],
      ['/derp', upgrade('h2c'), 426],
      ['/derp', upgrade('websocket', { 'Sec-WebSocket-Protocol': 'derp' }), 426],
      ['/derp', { method: 'POST', ...upgrade('DERP') }, 405],
      ['/derp', { method: 'POST' }, 405],
      ['/other', upgrade('DERP'), 404],
      ['/other', {}, 404],
      ['/derp/probe', { method: 'POST' }, 405],
      ['/', {}, 200],
      ['/robots.txt', {}, 200],
    ];
    for (const [url, options, status] of cases) {
      expect([url, (await ask(relay, url, options)).status]).toEqual([url, status]);
    }
    expect((await ask(relay, '/derp')).body).toBe('DERP requires connection upgrade\n');
    expect(relay.stats().connections).toEqual([]);
  });

  test('both probes answer the same to GET and HEAD', async () => {
    const relay = await start();
    for (const url of ['/derp/probe', '/derp/latency-check']) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await ask(relay, url, { method });
        expect([status, headers['access-control-allow-origin'], body]).toEqual([200, '*', '']);
      }
    }
  });

  test('the captive-portal probe echoes only a well-formed challenge', async () => {
    const relay = await start();
    const echo = async (challenge?: string): Promise<unknown> => {
      const headers = challenge === undefined ? {} : { 'X-Tailscale-Challenge': challenge };
      const answer = await ask(relay, '/generate_204?t=1', { headers });
      expect(answer.status).toBe(204);
      expect(answer.headers['cache-control']).toContain('no-store');
      return answer.headers['x-tailscale-response'];
    };
    expect(await echo('ts_relay.example-1:2')).toBe('response ts_relay.example-1:2');
    expect(await echo('x'.repeat(64))).toBe(`response ${'x'.repeat(64)}`);
    expect(await echo('x'.repeat(65))).toBeUndefined();
    expect(await echo('a b')).toBeUndefined();
    expect(await echo()).toBeUndefined();
  });

  test('frames that come in one segment with the request are read', async () => {
    const relay = await start();
    const a = await connect(relay);
    // A complete introduction can't be known before the key is; garbage must be refused, not ignored.
    const socket = tls.connect({ host: '127.0.0.1', port: relay.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const head = 'GET /derp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n\r\n';
    socket.write(
      Buffer.concat([
        Buffer.from(head),
        Buffer.from('06000000000600000000', 'hex'),
        Buffer.from('1200000008', 'hex'),
        Buffer.alloc(8),
      ]),
    );
    socket.resume();
    await once(socket, 'close');
    expect(relay.stats().counters).toMatchObject({
      'unknown-frame': 2,
      'closed-first-frame-not-client-info': 1,
    });
    expect(relay.stats().connections.map((each) => each.key)).toEqual([a.key]);
  });

  test('a client that asks for a fast start gets frames at once', async () => {
    const relay = await start();
    const socket = tls.connect({ host: '127.0.0.1', port: relay.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.write(
      'GET /derp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: DERP\r\nDerp-Fast-Start: 1\r\n\r\n',
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(first.subarray(0, 13).toString('hex')).toBe('010000002844455250f09f9491');
    expect(first.subarray(13, 45).toString('hex')).toBe(relay.stats().publicKey);
  });

  test('HTTP/2 is not offered', async () => {
    const relay = await start();
    const socket = tls.connect({
      host: '127.0.0.1',
      port: relay.port,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });
});

describe('the state directory', () => {
  test('keeps the certificate and the key across restarts and carries the region', async () => {
    const first = await start({ ipv6: '::1' });
    const key = first.stats().publicKey;
    await first.close();
    const second = await start({ ipv6: '::1' });
    expect(second.stats().publicKey).toBe(key);
    expect(pinOf(second)).toBe(pinOf(first));
    expect(JSON.parse(fs.readFileSync(second.regionFile, 'utf8'))).toEqual(second.region);
    expect(second.region).toEqual({
      RegionID: 900,
      RegionCode: 'test',
      RegionName: 'Test',
      Nodes: [
        {
          Name: '900a',
          RegionID: 900,
          HostName: '127.0.0.1',
          CertName: pinOf(first),
          IPv4: '127.0.0.1',
          IPv6: '::1',
          STUNPort: second.stunPort,
          WarrenDialBack: true,
          DERPPort: second.port,
        },
      ],
    });
    for (const file of ['tls.pem', 'relay.key']) {
      expect(fs.statSync(path.join(stateDir, file)).mode & 0o777).toBe(0o600);
    }
  });

  test('a damaged key stops the start with the way out', async () => {
    fs.writeFileSync(path.join(stateDir, 'relay.key'), 'privkey:xyz\n');
    await expect(start()).rejects.toMatchObject({
      code: 'FILE_CORRUPT',
      hint: expect.stringContaining('backup'),
    });
  });
});

describe('listening', () => {
  test('on a taken TCP port says what to do, and leaves nothing running', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(start({ listenHost: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`TCP port ${port}`),
      hint: expect.stringContaining('another port'),
    });
    other.close();
    await start({ listenHost: '127.0.0.1', port });
  });

  test('on a taken UDP port gives the TCP port back', async () => {
    const first = await start({ listenHost: '127.0.0.1' });
    const { stunPort } = first;
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    other.close();
    await once(other, 'close');
    const changes = { listenHost: '127.0.0.1', port, stateDir: path.join(stateDir, 'other') };
    await expect(start({ ...changes, stunPort })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining('UDP'),
    });
    await start(changes);
  });

  test('on the state of another relay says whose it is', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: expect.stringContaining(`${process.pid}`),
    });
  });

  test('on an address of nobody says so', async () => {
    await expect(start({ listenHost: '192.0.2.1' })).rejects.toMatchObject({
      code: 'ADDRESS_UNAVAILABLE',
    });
  });
});

describe('STUN', () => {
  /** Asks over real UDP; answers the address that the server saw, or undefined. */
  async function stun(
    port: number,
    host: string,
    request: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      socket.bind(0, host);
      await once(socket, 'listening');
      socket.send(request, port, host);
      const answer = once(socket, 'message') as Promise<[Buffer]>;
      const silence = new Promise<undefined>((resolve) =>
        setTimeout(() => resolve(undefined), 300),
      );
      const got = await Promise.race([answer, silence]);
      if (got === undefined) return undefined;
      const decoded = decodeBindingResponse(got[0], { allowLoopback: true });
      const address = parseAddress(host);
      if (address === undefined) throw new Error('a literal host');
      expect(decoded).toMatchObject({ mapped: endpoint(address, socket.address().port) });
      return got[0];
    } finally {
      socket.close();
    }
  }

  test('tells IPv4 and IPv6 sources their address through one socket', async () => {
    const relay = await start();
    const request = encodeBindingRequest(random.fill(new Uint8Array(12)));
    expect(await stun(relay.stunPort ?? 0, '127.0.0.1', request)).toHaveLength(32);
    expect(await stun(relay.stunPort ?? 0, '::1', request)).toHaveLength(44);
    expect(relay.stats().stun).toEqual({ requests: 2, answered: 2 });
  });

  test('answers from its other port, and from its other address, when asked to', async () => {
    const relay = await start({
      listenHost: '127.0.0.1',
      stunAlternatePort: 0,
      stunAlternateAddress: '127.0.0.2' as IpAddress,
    });
    const [node] = relay.region.Nodes;
    expect(node).toMatchObject({ WarrenStunAlternateIPv4: '127.0.0.2' });
    const alternatePort = node?.WarrenStunAlternatePort ?? 0;
    const socket = createSocket('udp4');
    try {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      for (const [address, port, from] of [
        [false, true, `127.0.0.1:${alternatePort}`],
        [true, false, `127.0.0.2:${relay.stunPort}`],
        [true, true, `127.0.0.2:${alternatePort}`],
      ] as const) {
        const id = random.fill(new Uint8Array(12));
        const answer = once(socket, 'message') as Promise<[Buffer, RemoteInfo]>;
        socket.send(encodeChangeRequest(id, { address, port }), relay.stunPort ?? 0, '127.0.0.1');
        const [bytes, source] = await answer;
        expect(`${source.address}:${source.port}`).toBe(from);
        expect(
          decodeBindingResponse(Uint8Array.from(bytes), { allowLoopback: true }),
        ).toMatchObject({
          transactionId: id,
          mapped: `127.0.0.1:${socket.address().port}`,
        });
      }
    } finally {
      socket.close();
    }
    expect(relay.stats().stun).toEqual({
      requests: 3,
      answered: 3,
      'answered-from-elsewhere': 3,
    });
  });

  test('does without its other port when another program has it', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port: stunAlternatePort } = taken.address();
      const relay = await start({ listenHost: '127.0.0.1', stunAlternatePort });
      expect(relay.region.Nodes[0]).not.toHaveProperty('WarrenStunAlternatePort');
      const id = random.fill(new Uint8Array(12));
      const request = encodeChangeRequest(id, { address: false, port: true });
      const socket = createSocket('udp4');
      socket.send(request, relay.stunPort ?? 0, '127.0.0.1');
      const [bytes] = (await once(socket, 'message')) as [Buffer];
      socket.close();
      expect(decodeBindingResponse(bytes, { allowLoopback: true })).toBe(fail('error-response'));
    } finally {
      taken.close();
    }
  });

  test('drops garbage without a word and counts why', async () => {
    const relay = await start({ listenHost: '127.0.0.1' });
    for (const bytes of [new Uint8Array(0), new Uint8Array(40), new Uint8Array(1281)]) {
      expect(await stun(relay.stunPort ?? 0, '127.0.0.1', bytes)).toBeUndefined();
    }
    expect(relay.stats().stun['requests']).toBe(3);
    expect(relay.stats().stun['answered']).toBeUndefined();
    expect(relay.stats().stun['drop-too-long']).toBe(1);
  });

  test('is limited per network', async () => {
    const relay = await start({ listenHost: '127.0.0.1' });
    const socket = createSocket('udp4');
    const request = encodeBindingRequest(random.fill(new Uint8Array(12)));
    for (let i = 0; i < 1500; i++) {
      socket.send(request, relay.stunPort ?? 0, '127.0.0.1');
      if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await expect
      .poll(() => relay.stats().stun['drop-rate'] ?? 0, { timeout: 5000 })
      .toBeGreaterThan(100);
    socket.close();
    expect(relay.stats().stun['answered']).toBeLessThan(1400);
  });

  test('can be off', async () => {
    const relay = await start({ stunPort: undefined });
    expect(relay.stunPort).toBeUndefined();
    expect(relay.region.Nodes[0]?.STUNPort).toBe(-1);
  });
});

describe('the stats socket', () => {
  async function read(file: string, url: string): Promise<{ status: number; body: string }> {
    const asked = http.request({ socketPath: file, path: url });
    asked.end();
    const [response] = (await once(asked, 'response')) as [http.IncomingMessage];
    let body = '';
    for await (const part of response) body += String(part);
    return { status: response.statusCode ?? 0, body };
  }

  test('shows connections, counters and pairs to its owner only', async () => {
    const statsSocket = path.join(stateDir, 'relay.sock');
    const relay = await start({ statsSocket });
    const [a, b] = [await connect(relay), await connect(relay)];
    a.send(b.key, disco);
    await b.until(() => b.packets.length === 1);
    const { status, body } = await read(statsSocket, '/stats');
    expect(status).toBe(200);
    const stats = JSON.parse(body) as Record<string, unknown>;
    expect(stats).toMatchObject({
      publicKey: relay.stats().publicKey,
      connections: [
        { key: a.key, source: '127.0.0.1', active: true, home: false, sentPackets: 1 },
        { key: b.key, receivedPackets: 1, receivedBytes: disco.length },
      ],
      counters: { introduced: 2, 'disco-packets': 1 },
      pairs: [{ source: a.key, target: b.key, discoFrames: 1, dataFrames: 0, dataBytes: 0 }],
      stun: {},
    });
    expect((await read(statsSocket, '/')).status).toBe(404);
    expect(fs.statSync(statsSocket).mode & 0o777).toBe(0o600);
  });

  test('replaces a dead socket and respects a living one', async () => {
    const statsSocket = path.join(stateDir, 'relay.sock');
    const dead = createServer();
    dead.listen(statsSocket);
    await once(dead, 'listening');
    await expect(start({ statsSocket })).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    // What a killed process leaves: the file without a listener.
    fs.renameSync(statsSocket, `${statsSocket}.kept`);
    dead.close();
    await once(dead, 'close');
    fs.renameSync(`${statsSocket}.kept`, statsSocket);
    await start({ statsSocket });
    expect((await read(statsSocket, '/stats')).status).toBe(200);
  });
});

describe('the end', () => {
  test('tells clients when to come back, closes everything and frees the ports', async () => {
    const abort = new AbortController();
    const relay = await start({ signal: abort.signal, listenHost: '127.0.0.1' });
    const a = await connect(relay);
    const startedAt = performance.now();
    abort.abort();
    await relay.closed;
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    await a.until(() => a.socket.destroyed);
    expect(a.heard.some((output) => output.type === 'restarting')).toBe(true);
    await start({ listenHost: '127.0.0.1', port: relay.port, stunPort: relay.stunPort });
  });

  test('does not wait for a connection that never spoke', async () => {
    const relay = await start();
    const { socket } = await upgradeToDerp(relay.port, pinOf(relay));
    socket.on('error', () => undefined);
    socket.pause();
    const startedAt = performance.now();
    await relay.close();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
});

test('two connections of one key: the newest receives', async () => {
  const relay = await start();
  const privateKey = generatePrivateKey('node', random);
  const options = { crypto, random, port: relay.port, pin: pinOf(relay), privateKey };
  const first = await LoopbackClient.connect(options);
  const second = await LoopbackClient.connect(options);
  clients.push(first, second);
  const sender = await connect(relay);
  sender.send(first.key, disco);
  await second.until(() => second.packets.length === 1);
  expect(first.packets).toHaveLength(0);
  second.kill();
  await expect.poll(() => relay.stats().connections.length).toBe(2);
  sender.send(first.key, disco);
  await first.until(() => first.packets.length === 1);
  expect(publicKeyBytes(first.key)).toHaveLength(32);
});
