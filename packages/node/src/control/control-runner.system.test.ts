/** What a ControlRunner makes of servers and networks that misbehave. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { createServer, type Server } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createWire,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubPins } from '@warren/core/control/auth-key';
import { encodeMapFrame } from '@warren/core/control/map-framing';
import type { Endpoint } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { EndpointType } from '@warren/core/netmap/own';
import { Ts2021Listener } from '@warren/servers/control/ts2021-listener';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestMember } from './test-member.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

/** What the server does with one request, by its path. */
type Answer = (stream: ServerHttp2Stream, path: string) => void;

/** Says yes to a registration and begins a map stream that stays open. */
const agreeable: Answer = (stream, path) => {
  stream.respond({ ':status': 200 });
  if (path === '/machine/register') stream.end('{"MachineAuthorized":true,"User":{"ID":1}}');
  else stream.write(encodeMapFrame('{"KeepAlive":true}', ''));
};

/**
 * A control server whose answers, and whose ways to fail, the test decides. TLS, Noise and HTTP/2 are the real
 * ones.
 */
class ScriptedControl {
  readonly pins: HubPins;
  readonly url: string;
  answer: Answer = agreeable;
  /** The sessions that sent a request, in order. */
  readonly sessions: Http2Session[] = [];
  /** Paths of all requests. */
  readonly asked: string[] = [];
  /** Paths of all HEAD requests below Noise. */
  readonly fetched: string[] = [];
  readonly #server: Server;
  readonly #listener: Ts2021Listener;
  readonly #wire: Wire;

  private constructor(server: Server, listener: Ts2021Listener, wire: Wire, pin: string) {
    this.#server = server;
    this.#listener = listener;
    this.#wire = wire;
    this.pins = { certificateSha256: pin, controlKey: listener.publicKey };
    this.url = `https://127.0.0.1:${wire.port}`;
  }

  static async listen(): Promise<ScriptedControl> {
    const identity = makeSelfSigned(['127.0.0.1'], systemClock.wall());
    const { certificatePem, privateKeyPem, pin } = identity;
    const made: { control?: ScriptedControl } = {};
    const listener = new Ts2021Listener({
      crypto,
      random,
      clock: systemClock,
      log: silentLogger,
      privateKey: generatePrivateKey('machine', random),
      onRequest: (_connection, stream, headers) => made.control?.take(stream, headers[':path']),
    });
    const server = createServer({ cert: certificatePem, key: privateKeyPem });
    server.on('request', (request, response) => {
      if (request.method !== 'HEAD') listener.handleRequest(request, response);
      else if (made.control?.fetched.push(request.url ?? '') !== undefined) response.end();
    });
    server.on('upgrade', (request, socket, head) => listener.handleUpgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const wire = await Wire.to((server.address() as AddressInfo).port);
    made.control = new ScriptedControl(server, listener, wire, pin.split(':')[1] ?? '');
    return made.control;
  }

  /** TCP connections that are open now. */
  get connections(): number {
    return this.#wire.size;
  }

  /** The connections of now carry nothing any more, and nobody is told: a network that was left. */
  freeze(): void {
    this.#wire.freeze();
  }

  take(stream: ServerHttp2Stream, path = ''): void {
    const { session } = stream;
    stream.on('error', () => undefined);
    if (session !== undefined && !this.sessions.includes(session)) {
      this.sessions.push(session);
    }
    this.asked.push(path);
    this.answer(stream, path);
  }

  /** Replaces what upgrades and plain requests get, below Noise. */
  intercept(event: 'request' | 'upgrade', handle: (...given: never[]) => void): void {
    this.#server.removeAllListeners(event);
    this.#server.on(event, handle as () => void);
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#wire.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** TCP between a client and the server, which can go dead. */
class Wire {
  readonly port: number;
  readonly #server: NetServer;
  readonly #ends: Set<Socket>;

  private constructor(server: NetServer, ends: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#ends = ends;
  }

  static async to(port: number): Promise<Wire> {
    const ends = new Set<Socket>();
    const server = createWire((near) => {
      const far = connect(port, '127.0.0.1');
      for (const [end, other] of [
        [near, far],
        [far, near],
      ] as const) {
        end.setNoDelay(true);
        end.pipe(other);
        end.on('error', () => undefined);
        end.once('close', () => other.destroy());
      }
      ends.add(near);
      near.once('close', () => ends.delete(near));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Wire(server, ends);
  }

  get size(): number {
    return this.#ends.size;
  }

  freeze(): void {
    for (const end of this.#ends) end.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let control: ScriptedControl;
const members: TestMember[] = [];

beforeEach(async () => {
  control = await ScriptedControl.listen();
});
afterEach(async () => {
  for (const member of members.splice(0)) member.close();
  await control.close();
});

function joins(): TestMember {
  const member = new TestMember(control.url, { pins: control.pins });
  members.push(member);
  member.runner.handle({ type: 'login', authKey: undefined });
  return member;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 8_000; !holds(); await sleep(10)) {
    if (performance.now() > end) throw new Error(`not ${what} in time`);
  }
}

const polls = (): number => control.asked.filter((path) => path === '/machine/map').length;
const moved = (port: number) => ({
  type: 'endpoints' as const,
  endpoints: [{ endpoint: `192.0.2.1:${port}` as Endpoint, type: EndpointType.stun }],
});

test('a server that says goodbye gets no request any more, and its successor all of them', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  const [first] = control.sessions;
  first?.goaway();
  await member.until('connected again', () => member.connections === 2);
  member.runner.handle(moved(1));
  await until('polling again', () => control.sessions.length === 2 && polls() > 1);
  expect(first?.destroyed).toBe(true);
});

test('a request in the moment of a goodbye fails softly', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  // As when the goodbye has been read, but the connection is not torn down yet.
  for (const session of control.sessions) session.goaway();
  for (let port = 1; port < 200; port++) {
    member.runner.handle(moved(port));
    await sleep(1);
  }
  await member.until('connected again', () => member.connections >= 2);
});

test('an answer to GET /key that breaks off is trouble, not silence', async () => {
  control.intercept('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"publicKey":"mkey:');
    setTimeout(() => response.destroy(), 50);
  });
  const member = joins();
  await member.until('in trouble', () => member.troubles.length > 1);
  expect(member.troubles[0]?.code).toBe('SERVER_UNREACHABLE');
  expect(member.troubles[0]?.message).toContain('broke off its answer');
});

test('an answer that was cut short is no answer', async () => {
  let cuts = 0;
  control.answer = (stream, path) => {
    if (cuts++ > 2) {
      agreeable(stream, path);
      return;
    }
    stream.respond({ ':status': 200 });
    stream.write('{"MachineAuth');
    setTimeout(() => stream.session?.destroy(), 20);
  };
  const member = joins();
  await until('polling', () => polls() > 0);
  expect(member.all('refused')).toEqual([]);
});

test('an answer that drips for ever is given up in time', async () => {
  control.answer = (stream, path) => {
    if (path !== '/machine/map' || polls() === 1) {
      agreeable(stream, path);
      return;
    }
    stream.respond({ ':status': 200 });
    const drip = setInterval(() => stream.write(' '), 200);
    stream.once('close', () => clearInterval(drip));
  };
  const member = joins();
  await until('polling and updating', () => polls() === 2);
  const began = performance.now();
  while (polls() < 3 && performance.now() - began < 15_000) await sleep(50);
  expect(polls()).toBe(3);
  expect(member.connections).toBe(1);
});

test('a runner that is closed in the middle of a dial leaves no connection behind', async () => {
  let upgrading: Duplex | undefined;
  control.intercept('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    upgrading = socket.on('error', () => undefined);
  });
  const member = joins();
  await until('upgrading', () => upgrading !== undefined);
  member.close();
  if (upgrading !== undefined && !upgrading.destroyed) await once(upgrading, 'close');
  await until('closed', () => control.connections === 0);
  expect(member.troubles).toEqual([]);
});

test('a runner may be closed in the moment it is connected', async () => {
  const member = joins();
  await member.until('connected', () => member.connections === 1);
  member.close();
  await until('closed', () => control.connections === 0);
});

test('a runner that is closed leaves no connection behind', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  member.close();
  await until('closed', () => control.connections === 0);
});

test('after a change of network a connection that does not answer is replaced', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  member.runner.linkChanged();
  await sleep(200);
  expect(member.connections).toBe(1);
  control.freeze();
  const began = performance.now();
  member.runner.linkChanged();
  await member.until('connected again', () => member.connections === 2);
  expect(performance.now() - began).toBeLessThan(8_000);
});

test('the same is faster when an address of ours is gone', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  control.freeze();
  const began = performance.now();
  member.runner.linkChanged(true);
  await member.until('connected again', () => member.connections === 2);
  expect(performance.now() - began).toBeLessThan(4_000);
});

test('a connection that stood while others broke is doubted too, without giving it more time', async () => {
  const member = joins();
  await until('polling', () => polls() > 0);
  member.runner.retry();
  await sleep(200);
  expect(member.connections).toBe(1);
  control.freeze();
  const began = performance.now();
  member.runner.linkChanged(true);
  member.runner.retry();
  await member.until('connected again', () => member.connections === 2);
  expect(performance.now() - began).toBeLessThan(4_000);
});

test('a connection on which a registration is not answered is asked, and replaced when it is dead', async () => {
  control.answer = (stream, path) => {
    if (control.asked.length === 1) control.freeze();
    else agreeable(stream, path);
  };
  const member = joins();
  const began = performance.now();
  while (polls() === 0 && performance.now() - began < 15_000) await sleep(50);
  expect([member.connections, polls() > 0]).toEqual([2, true]);
});

/** Upgrades hang from now on; answers how many there were. */
function hangingUpgrades(): () => number {
  let upgrades = 0;
  control.intercept('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => undefined);
    upgrades++;
  });
  return () => upgrades;
}

test('after a change of network a dial that hangs is begun again, and nobody calls it trouble', async () => {
  const upgrades = hangingUpgrades();
  const member = joins();
  await until('upgrading', () => upgrades() === 1);
  member.runner.linkChanged();
  await until('upgrading again', () => upgrades() === 2);
  await until('one connection', () => control.connections === 1);
  expect(member.troubles).toEqual([]);
});

test('what is reached elsewhere begins a dial again only when it hangs', async () => {
  const upgrades = hangingUpgrades();
  const member = joins();
  await until('upgrading', () => upgrades() === 1);
  member.runner.retry();
  await sleep(200);
  expect(upgrades()).toBe(1);
  await sleep(2000);
  member.runner.retry();
  await until('upgrading again', () => upgrades() === 2);
});

test('what is reached elsewhere ends the pause before the next dial', async () => {
  control.intercept('upgrade', (_request: IncomingMessage, socket: Duplex) => socket.destroy());
  const member = joins();
  await member.until('pausing for over half a second', () => member.troubles.length === 11);
  const began = performance.now();
  member.runner.retry();
  await member.until('trying again', () => member.troubles.length === 12);
  expect(performance.now() - began).toBeLessThan(500);
});

test('what control asks to fetch is fetched from control, and from nobody else', async () => {
  const ping = (URL: string): Uint8Array =>
    encodeMapFrame(JSON.stringify({ KeepAlive: true, PingRequest: { URL } }), '');
  const elsewhere = await ScriptedControl.listen();
  control.answer = (stream, path) => {
    agreeable(stream, path);
    if (path !== '/machine/map' || polls() > 1) return;
    stream.write(ping(`${elsewhere.url}/machine/ping-response?id=1`));
    stream.write(ping(`${control.url}/machine/ping-response?id=2`));
    setTimeout(() => stream.write(ping(`${control.url}/machine/ping-response?id=3`)), 1500);
  };
  const member = joins();
  try {
    await until('fetched twice', () => control.fetched.length === 2);
    expect(control.fetched.map((path) => path.replace(/^\/machine\//, ''))).toEqual([
      ...['ping-response?id=2', 'ping-response?id=3'],
    ]);
    expect(elsewhere.connections).toBe(0);
    expect(member.runner.counters()).toMatchObject({ 'control-ping-elsewhere': 1 });
    expect(member.connections).toBe(1);
  } finally {
    await elsewhere.close();
  }
});

test('filter rules are kept over changes by name; what is none of them is counted', async () => {
  const nodePrivateKey = generatePrivateKey('node', random);
  const key = publicKeyOf(crypto, 'node', nodePrivateKey);
  const rule = (source: string): object => ({
    SrcIPs: [source],
    DstPorts: [{ IP: '*', Ports: { First: 22, Last: 22 } }],
  });
  const full = {
    Node: {
      ...{ ID: 1, StableID: 'n1', Name: 'member.', User: 1, Key: `nodekey:${key}` },
      ...{ Addresses: ['100.64.0.1/32'], MachineAuthorized: true },
    },
    Domain: 'net.example',
    PacketFilters: { base: [rule('100.64.0.2'), 'nonsense'], more: [rule('100.64.0.3')] },
  };
  const delta = { PacketFilters: { base: [rule('100.64.0.9'), rule('here')], more: null } };
  control.answer = (stream, path) => {
    if (path === '/machine/register') {
      agreeable(stream, path);
      return;
    }
    stream.respond({ ':status': 200 });
    stream.write(encodeMapFrame(JSON.stringify(full), ''));
    setTimeout(() => stream.write(encodeMapFrame(JSON.stringify(delta), '')), 200);
  };
  const member = new TestMember(control.url, { pins: control.pins, nodePrivateKey });
  members.push(member);
  member.runner.handle({ type: 'login', authKey: undefined });
  const sources = (): readonly string[] =>
    member.netmap?.packetFilter.flatMap((one) => one.sources) ?? [];
  await member.until('told', () => sources().join() === '100.64.0.9/32');
  const told = member.all('netmap').map(({ netmap }) => netmap.packetFilter.length);
  expect(told).toEqual([2, 1]);
  expect(member.runner.counters()).toMatchObject({
    'netmap-filter-rule-malformed': 1,
    'netmap-filter-address-malformed': 1,
  });
});
