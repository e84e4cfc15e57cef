import { beforeEach, expect, test } from 'vitest';
import { type Instant, instant } from '../base/instant.js';
import { asObject, type JsonObject, parseJson } from '../base/json.js';
import { SeededRandom } from '../base/seeded-random.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto } from '../crypto/noble.js';
import type { Endpoint } from '../ip/address.js';
import {
  type DiscoKey,
  formatPublicKey,
  generatePrivateKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../keys/keys.js';
import { EndpointType } from '../netmap/own.js';
import { ControlClient } from './client.js';
import type { ControlClientOutput } from './io.js';
import { encodeMapFrame, KEEP_ALIVE_JSON } from './map-framing.js';
import { watchdogMs } from './map-loop.js';

type Output<Type extends ControlClientOutput['type']> = Extract<
  ControlClientOutput,
  { type: Type }
>;
type Request = Output<'request'>;

const KNOWN_KEY: NodePrivateKey = generatePrivateKey('node', new SeededRandom(5));

const keyText = (key: NodePrivateKey): string =>
  formatPublicKey('node', publicKeyOf(nobleCrypto, 'node', key));

const YES = { MachineAuthorized: true, User: { ID: 1 }, AuthURL: '', Error: '' };

/** A client on a stage: the test plays shell and server. */
class Play {
  readonly client: ControlClient;
  now: Instant = instant(0);
  /** Everything the client put out, oldest first. */
  readonly log: ControlClientOutput[] = [];

  constructor(nodeKey?: NodePrivateKey) {
    this.client = new ControlClient({
      crypto: nobleCrypto,
      random: new SeededRandom(3),
      nodeKey,
      discoKey: 'dd'.repeat(32) as DiscoKey,
      hostInfo: { OS: 'linux', Hostname: 'alpha' },
      ephemeral: false,
      acceptRoutes: false,
    });
  }

  handle(input: Parameters<ControlClient['handle']>[0]): this {
    this.client.handle(input, this.now);
    for (let out = this.client.poll(); out !== undefined; out = this.client.poll()) {
      this.log.push(out);
    }
    return this;
  }

  pass(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const next = this.client.nextTimeout();
      if (next === undefined || next > end) break;
      this.now = instant(Math.max(next, this.now));
      this.handle({ type: 'timeout' });
    }
    this.now = instant(end);
    return this;
  }

  all<Type extends ControlClientOutput['type']>(type: Type): Output<Type>[] {
    return this.log.filter((output): output is Output<Type> => output.type === type);
  }

  last<Type extends ControlClientOutput['type']>(type: Type): Output<Type> {
    const found = this.all(type).at(-1);
    if (found === undefined) throw new Error(`there was no ${type}`);
    return found;
  }

  /** Requests of a kind: register, map (the poll) or update. */
  requests(kind: 'register' | 'map' | 'update'): Request[] {
    return this.all('request').filter((request) => {
      const isMap = request.path === '/machine/map';
      return kind === 'register' ? !isMap : isMap && request.streaming === (kind === 'map');
    });
  }

  request(kind: 'register' | 'map' | 'update'): Request {
    const found = this.requests(kind).at(-1);
    if (found === undefined) throw new Error(`there was no ${kind} request`);
    return found;
  }

  body(request: Request): JsonObject {
    return asObject(parseJson(request.body)) ?? {};
  }

  answer(kind: 'register' | 'map' | 'update', status: number, body: object | string = ''): this {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { id } = this.request(kind);
    return this.handle({ type: 'response', id, status, body: encodeUtf8(text) });
  }

  /** One frame on the poll. */
  frame(message: object | string): this {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    const { id } = this.request('map');
    return this.handle({ type: 'stream-bytes', id, bytes: encodeMapFrame(text, '') });
  }

  /** The full first message for the key that the client last registered. */
  fullMap(changes: object = {}, nodeChanges: object = {}): this {
    const body = this.body(this.request('map'));
    return this.frame({
      Node: {
        ID: 1,
        Key: body['NodeKey'],
        Addresses: ['100.64.0.1/32'],
        MachineAuthorized: true,
        ...nodeChanges,
      },
      Peers: [peer(2)],
      ControlTime: '2026-01-02T00:00:00Z',
      ...changes,
    });
  }

  get states(): string[] {
    return this.all('state').map(({ state }) => state);
  }

  /** Connected and registered by auth key. */
  joined(): this {
    return this.handle({ type: 'login', authKey: 'wkey-auth-x' })
      .handle({ type: 'connected' })
      .answer('register', 200, YES);
  }

  /** Connected, registered, with a first netmap and nothing to say. */
  running(): this {
    return this.joined().fullMap().answer('update', 200);
  }
}

function peer(id: number): object {
  return {
    ID: id,
    Key: `nodekey:${id.toString(16).padStart(64, '0')}`,
    Addresses: [`100.64.0.${id}/32`],
  };
}

const zeroKey = `nodekey:${'0'.repeat(64)}`;

let play: Play;
beforeEach(() => {
  play = new Play();
});

test('an idle client wants nothing', () => {
  play.handle({ type: 'timeout' });
  expect(play.states).toEqual(['NeedsLogin']);
  expect(play.client.nextTimeout()).toBeUndefined();
});

test('from login with a key to Running', () => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' });
  expect(play.all('connect')).toHaveLength(1);
  play.handle({ type: 'connected' });
  const key = play.last('node-key').nodeKey;
  if (key === undefined) throw new Error('the first key is announced');
  expect(play.body(play.request('register'))).toEqual({
    Version: 113,
    NodeKey: keyText(key),
    OldNodeKey: zeroKey,
    NLKey: `nlpub:${'0'.repeat(64)}`,
    Auth: { AuthKey: 'wkey-auth-x' },
    Expiry: '0001-01-01T00:00:00Z',
    Followup: '',
    Hostinfo: { OS: 'linux', Hostname: 'alpha' },
  });
  play.answer('register', 200, YES);
  expect(play.body(play.request('map'))).toEqual({
    Version: 113,
    KeepAlive: true,
    NodeKey: keyText(key),
    DiscoKey: `discokey:${'dd'.repeat(32)}`,
    Compress: '',
    Stream: true,
    OmitPeers: false,
    Hostinfo: { OS: 'linux', Hostname: 'alpha' },
    Endpoints: [],
    EndpointTypes: [],
  });
  expect(play.request('map').timeoutMs).toBeUndefined();
  play.fullMap();
  expect([...play.last('netmap').netmap.peers.keys()]).toEqual([2]);
  expect(play.states).toEqual(['NeedsLogin', 'Starting', 'Running']);
});

test('a first key is announced before it is used, a known one is used without auth key', () => {
  play.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
  const order = play.log.map((output) => output.type);
  expect(order.indexOf('node-key')).toBeLessThan(order.indexOf('request'));
  const known = new Play(KNOWN_KEY);
  known.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
  expect(known.all('node-key')).toEqual([]);
  expect(known.body(known.request('register'))).toMatchObject({ NodeKey: keyText(KNOWN_KEY) });
  expect(known.body(known.request('register'))).not.toHaveProperty('Auth');
});

test('an expired key is replaced once, naming the old one, and announced when control took it', () => {
  const known = new Play(KNOWN_KEY);
  known.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
  known.answer('register', 200, { NodeKeyExpired: true });
  const second = known.body(known.request('register'));
  expect(second['OldNodeKey']).toBe(keyText(KNOWN_KEY));
  expect(second['NodeKey']).not.toBe(keyText(KNOWN_KEY));
  expect(second['Auth']).toEqual({ AuthKey: 'wkey-auth-x' });
  expect(known.all('node-key')).toEqual([]);
  known.answer('register', 200, YES);
  const announced = known.last('node-key').nodeKey;
  expect(announced !== undefined && keyText(announced)).toBe(second['NodeKey']);
  expect(known.body(known.request('map'))['NodeKey']).toBe(second['NodeKey']);
});

test('a server that calls every key expired gets no flood of keys', () => {
  const known = new Play(KNOWN_KEY);
  known.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
  known.answer('register', 200, { NodeKeyExpired: true });
  known.answer('register', 200, { NodeKeyExpired: true });
  expect(known.requests('register')).toHaveLength(2);
  expect(known.last('refused').fatal).toBe(false);
  known.pass(100);
  expect(known.requests('register')).toHaveLength(3);
});

test.each([
  'invalid auth key',
  'auth key expired',
  'auth key already used',
  'authkey expired',
  'this client is too old: upgrade it',
])('%j is final: a person has to act', (text) => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
  play.answer('register', 200, { Error: text });
  expect(play.last('refused')).toEqual({ type: 'refused', message: text, fatal: true });
  play.pass(600_000);
  expect(play.requests('register')).toHaveLength(1);
  expect(play.states.at(-1)).toBe('NeedsLogin');
  play.handle({ type: 'login', authKey: 'wkey-auth-y' });
  expect(play.body(play.request('register'))['Auth']).toEqual({ AuthKey: 'wkey-auth-y' });
});

test('other errors are shown and tried again, ever more slowly', () => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
  for (let tries = 1; tries <= 20; tries++) {
    expect(play.requests('register')).toHaveLength(tries);
    const started = play.now;
    play.answer('register', 200, { Error: 'database is busy' });
    const wait = (play.client.nextTimeout() ?? 0) - started;
    expect(wait).toBeGreaterThanOrEqual(tries ** 2 * 5);
    expect(wait).toBeLessThanOrEqual(tries ** 2 * 15);
    play.pass(wait);
  }
  expect(play.last('refused')).toMatchObject({ message: 'database is busy', fatal: false });
});

test('an HTTP status is shown with its text; 429 waits 5 to 10 s', () => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
  play.answer('register', 503, 'try\u001b[31m later');
  expect(play.last('refused').message).toBe('control answered 503: try[31m later');
  play.pass(50).answer('register', 429);
  const wait = (play.client.nextTimeout() ?? 0) - play.now;
  expect(wait).toBeGreaterThanOrEqual(5000);
  expect(wait).toBeLessThan(10_000);
});

test('an auth URL is shown, and followed without a limit of time', () => {
  play.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  expect(play.last('auth-url').url).toBe('https://login.example/a/1');
  expect(play.states.at(-1)).toBe('NeedsLogin');
  const followup = play.request('register');
  expect(play.body(followup)['Followup']).toBe('https://login.example/a/1');
  expect(followup.timeoutMs).toBeUndefined();
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  expect(play.all('auth-url')).toHaveLength(1);
  expect(play.requests('register')).toHaveLength(2);
  play.pass(100).answer('register', 200, { AuthURL: 'https://login.example/a/2' });
  expect(play.last('auth-url').url).toBe('https://login.example/a/2');
  play.answer('register', 200, YES);
  expect(play.states.at(-1)).toBe('Starting');
});

test.each(['javascript:alert(1)', 'file:///etc/passwd', 'https://a b', 'http://x\u001b[2J'])(
  'the browser is never sent to %j',
  (url) => {
    play.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
    play.answer('register', 200, { AuthURL: url });
    expect(play.all('auth-url')).toEqual([]);
    expect(play.last('refused').fatal).toBe(false);
  },
);

test('deltas move the netmap; frames of any cut do', () => {
  play.running();
  const stream = encodeMapFrame(JSON.stringify({ PeersChanged: [peer(3)] }), '');
  const { id } = play.request('map');
  for (const byte of stream) {
    play.handle({ type: 'stream-bytes', id, bytes: Uint8Array.of(byte) });
  }
  expect([...play.last('netmap').netmap.peers.keys()]).toEqual([2, 3]);
  const told = play.all('netmap').length;
  play.frame(KEEP_ALIVE_JSON);
  expect(play.all('netmap')).toHaveLength(told);
});

test('nonsense on the stream ends the poll, and a new one asks for everything', () => {
  for (const nonsense of ['not json', '[]', JSON.stringify({ Node: { ID: 1 } })]) {
    const one = new Play().running();
    const polls = one.requests('map').length;
    one.frame(nonsense);
    expect(one.last('cancel').id).toBe(one.request('map').id);
    one.pass(100);
    expect(one.requests('map')).toHaveLength(polls + 1);
    expect([...(one.client.netmap?.peers.keys() ?? [])]).toEqual([2]);
  }
});

test('a map for another key is refused', () => {
  play.joined().fullMap({}, { Key: `nodekey:${'ab'.repeat(32)}` });
  expect(play.all('netmap')).toEqual([]);
  expect(play.client.counters.get('control-map-self-key-mismatch')).toBe(1);
});

test('keep-alives may come before the first map, a delta may not', () => {
  play.joined().frame(KEEP_ALIVE_JSON).fullMap();
  expect(play.all('netmap')).toHaveLength(1);
  const early = new Play().joined().frame({ PeersChanged: [peer(3)] });
  expect(early.all('netmap')).toEqual([]);
  expect(early.client.counters.get('control-map-no-self-node')).toBe(1);
});

test('the first message of a new poll stands alone', () => {
  play.running().handle({ type: 'disconnected', reason: 'reset' });
  play.pass(100).handle({ type: 'connected' }).fullMap({ Peers: [] });
  expect(play.last('netmap').netmap.peers.size).toBe(0);
});

test('an outage leaves netmap and state alone; afterwards everything is said again', () => {
  play.running();
  const told = play.all('netmap').length;
  play.handle({ type: 'disconnected', reason: 'reset' });
  for (let minute = 0; minute < 20; minute++) {
    play.pass(60_000);
    if (play.log.at(-1)?.type === 'connect') {
      play.handle({ type: 'disconnected', reason: 'refused' });
    }
  }
  expect(play.all('netmap')).toHaveLength(told);
  expect(play.states.at(-1)).toBe('Running');
  expect(play.client.netmap?.peers.size).toBe(1);
  const updates = play.requests('update').length;
  play.pass(60_000).handle({ type: 'connected' });
  expect(play.requests('register')).toHaveLength(1);
  expect(play.requests('update')).toHaveLength(updates + 1);
});

test('reconnecting backs off to at most 45 s', () => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' });
  let longest = 0;
  for (let tries = 0; tries < 100; tries++) {
    play.handle({ type: 'disconnected', reason: 'refused' });
    const wait = (play.client.nextTimeout() ?? 0) - play.now;
    longest = Math.max(longest, wait);
    play.pass(wait);
    expect(play.log.at(-1)?.type).toBe('connect');
  }
  expect(longest).toBeGreaterThan(30_000);
  expect(longest).toBeLessThanOrEqual(45_000);
});

test('two minutes of silence replace the connection; keep-alives prevent it', () => {
  play.running();
  for (let i = 0; i < 10; i++) play.pass(watchdogMs - 1).frame(KEEP_ALIVE_JSON);
  expect(play.all('connect')).toHaveLength(1);
  play.pass(watchdogMs + 100);
  expect(play.all('connect')).toHaveLength(2);
  expect(play.client.counters.get('control-watchdog')).toBe(1);
});

test('updates are whole, one at a time, and only for news', () => {
  play.running();
  const endpoint = (port: number) => ({
    endpoint: `192.0.2.1:${port}` as Endpoint,
    type: EndpointType.stun,
  });
  const before = play.requests('update').length;
  for (const port of [1, 2, 3]) play.handle({ type: 'endpoints', endpoints: [endpoint(port)] });
  expect(play.requests('update')).toHaveLength(before + 1);
  play.answer('update', 200);
  expect(play.requests('update')).toHaveLength(before + 2);
  expect(play.body(play.request('update'))).toMatchObject({
    Stream: false,
    OmitPeers: true,
    Endpoints: ['192.0.2.1:3'],
    EndpointTypes: [2],
    DiscoKey: `discokey:${'dd'.repeat(32)}`,
  });
  play.answer('update', 200).handle({ type: 'endpoints', endpoints: [endpoint(3)] });
  expect(play.requests('update')).toHaveLength(before + 2);
});

test('network news travel in Hostinfo; latency alone is none', () => {
  play.running();
  const netInfo = {
    homeRegion: 900,
    mappingVariesByDestIp: false,
    workingUdp: true,
    workingIpv6: undefined,
    osHasIpv6: true,
    regionLatencyMs: new Map([[900, 12.5]]),
  };
  play.handle({ type: 'net-info', netInfo });
  expect(play.body(play.request('update'))['Hostinfo']).toEqual({
    OS: 'linux',
    Hostname: 'alpha',
    NetInfo: {
      MappingVariesByDestIP: false,
      OSHasIPv6: true,
      WorkingUDP: true,
      PreferredDERP: 900,
      DERPLatency: { '900-v4': 0.0125 },
    },
  });
  const sent = play.answer('update', 200).requests('update').length;
  play.handle({ type: 'net-info', netInfo: { ...netInfo, regionLatencyMs: new Map([[900, 99]]) } });
  expect(play.requests('update')).toHaveLength(sent);
  play.handle({ type: 'net-info', netInfo: { ...netInfo, workingUdp: false } });
  expect(play.requests('update')).toHaveLength(sent + 1);
});

test('what the host says of itself may change, with fields that only we know', () => {
  play.running().handle({ type: 'host-info', hostInfo: { Hostname: 'beta', WarrenPaths: [1] } });
  expect(play.body(play.request('update'))['Hostinfo']).toEqual({
    Hostname: 'beta',
    WarrenPaths: [1],
  });
});

test('a failed update is tried again with the newest state', () => {
  play.joined();
  const { id } = play.request('update');
  play.handle({ type: 'request-failed', id, reason: 'timeout' });
  play.handle({
    type: 'endpoints',
    endpoints: [{ endpoint: '192.0.2.1:9' as Endpoint, type: EndpointType.local }],
  });
  play.pass(100);
  expect(play.requests('update')).toHaveLength(2);
  expect(play.body(play.request('update'))['Endpoints']).toEqual(['192.0.2.1:9']);
});

test('a node that was deleted needs login after three refusals, and asks on slowly', () => {
  play.running();
  const { id } = play.request('map');
  play.handle({ type: 'request-failed', id, reason: 'closed' });
  for (let i = 0; i < 3; i++) play.pass(1000).answer('map', 404, 'node not found');
  expect(play.states.at(-1)).toBe('NeedsLogin');
  expect(play.all('refused')).toHaveLength(1);
  const polls = play.requests('map').length;
  play.pass(600_000);
  expect(play.requests('map').length - polls).toBeLessThanOrEqual(20);
  play.handle({ type: 'login', authKey: 'wkey-auth-z' }).answer('register', 200, YES);
  play.answer('map', 404).pass(100).fullMap();
  expect(play.states.at(-1)).toBe('Running');
});

test('trouble of the server is no reason to log in again', () => {
  play.running();
  play.handle({ type: 'request-failed', id: play.request('map').id, reason: 'closed' });
  for (let i = 0; i < 5; i++) play.pass(1000).answer('map', 500, 'oops');
  expect(play.states.at(-1)).toBe('Running');
  expect(play.all('refused')).toEqual([
    { type: 'refused', message: 'control refuses the network map: 500: oops', fatal: false },
  ]);
});

test('a machine that waits for approval says so and runs once it has it', () => {
  play.joined().fullMap({}, { MachineAuthorized: false });
  expect(play.states.at(-1)).toBe('NeedsMachineAuth');
  play.fullMap();
  expect(play.states.at(-1)).toBe('Running');
});

test('our key expires by control’s clock, and a login replaces it', () => {
  play.joined().fullMap({}, { KeyExpiry: '2026-01-02T01:00:00Z' });
  play.frame(KEEP_ALIVE_JSON).pass(3_600_000 - 1);
  expect(play.client.netmap?.self.expired).toBe(false);
  play.pass(1000);
  expect(play.last('netmap').netmap.self.expired).toBe(true);
  expect(play.states.at(-1)).toBe('NeedsLogin');
});

test('a login while all is well spends no key', () => {
  play.running().handle({ type: 'login', authKey: 'wkey-auth-other' });
  expect(play.requests('register')).toHaveLength(1);
});

test('logging out tells control and erases the key, with or without its answer', () => {
  play.running().handle({ type: 'logout' });
  expect(play.body(play.request('register'))['Expiry']).toBe('1970-01-01T00:02:03Z');
  expect(play.last('cancel').id).toBe(play.request('map').id);
  play.answer('register', 500);
  expect(play.last('node-key').nodeKey).toBeUndefined();
  expect(play.states.at(-1)).toBe('NeedsLogin');
  expect(play.client.netmap).toBeUndefined();
  const offline = new Play(KNOWN_KEY).handle({ type: 'logout' });
  expect(offline.last('node-key').nodeKey).toBeUndefined();
});

test('a login after a logout uses a new key and names the old one', () => {
  play.running();
  const old = play.body(play.request('register'))['NodeKey'];
  play.handle({ type: 'logout' }).answer('register', 200, { NodeKeyExpired: true });
  play.handle({ type: 'login', authKey: 'wkey-auth-x' });
  const body = play.body(play.request('register'));
  expect(body['OldNodeKey']).toBe(old);
  expect(body['NodeKey']).not.toBe(old);
});

test('answers to requests that nobody waits for change nothing', () => {
  play.running();
  const before = play.log.length;
  play.handle({ type: 'response', id: 9999, status: 200, body: encodeUtf8('{}') });
  play.handle({ type: 'request-failed', id: 9999, reason: 'x' });
  play.handle({ type: 'stream-bytes', id: 9999, bytes: encodeMapFrame('{}', '') });
  expect(play.log).toHaveLength(before);
});
