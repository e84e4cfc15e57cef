import { beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../base/instant.js';
import { encodeUtf8 } from '../base/text.js';
import type { Endpoint } from '../ip/address.js';
import { EndpointType } from '../netmap/own.js';
import { encodeMapFrame, KEEP_ALIVE_JSON } from './map-framing.js';
import { fullMapMs, watchdogMs } from './map-loop.js';
import { Play, peer, YES } from './test-play.js';

let play: Play;
beforeEach(() => {
  play = new Play();
});

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

test('what control asks to fetch over the connection is fetched, once', () => {
  play.running();
  const ask = (id: string, fields: object = { URLIsNoise: true }): unknown[] => {
    const before = play.all('request').length;
    const URL = `https://hub.example/machine/ping-response?id=${id}`;
    play.frame({ KeepAlive: true, PingRequest: { URL, ...fields } });
    const asked = play.all('request').slice(before);
    return asked.map(({ method, path, body, streaming }) => [method, path, body.length, streaming]);
  };
  expect(ask('a')).toEqual([['HEAD', '/machine/ping-response?id=a', 0, false]]);
  expect(ask('a')).toEqual([]);
  expect(ask('b')).toHaveLength(1);
  const { id } = play.last('request');
  play.handle({ type: 'response', id, status: 200, body: new Uint8Array() });
  // Pings of peers are others' business.
  expect(ask('c', { URLIsNoise: true, Types: 'disco' })).toEqual([]);
  expect(ask('d', { Types: 'TSMP' })).toEqual([]);
  expect(play.client.counters.get('control-ping-unsupported')).toBe(2);
  for (const URL of ['ftp://hub/x', 'https://hub', 'https://hub/a b', 7, 'x'.repeat(5000)]) {
    expect(ask('e', { URL, URLIsNoise: true })).toEqual([]);
  }
  expect(play.client.counters.get('netmap-ping-malformed')).toBe(5);
});

describe('what control asks to fetch beside the connection', () => {
  /** The request that it leads to, if any. */
  const ask = (URL: string) => {
    const before = play.all('request').length;
    play.frame({ KeepAlive: true, PingRequest: { URL } });
    return play.all('request')[before];
  };
  const end = (id: number): void => {
    play.handle({ type: 'response', id, status: 200, body: new Uint8Array() });
  };
  const counted = (reason: string): number => play.client.counters.get(`control-ping-${reason}`);

  beforeEach(() => {
    play.running();
  });

  test('is fetched over one of its own, from control alone', () => {
    expect(ask('https://hub.example/ping?id=1')).toMatchObject({
      ...{ method: 'HEAD', path: '/ping?id=1', outside: true, streaming: false },
      timeoutMs: 15_000,
    });
    const others = ['http://hub.example', 'https://hub.example:8443', 'https://10.0.0.1'];
    for (const origin of [...others, 'https://x@hub.example', 'https://hub.example.net']) {
      expect(ask(`${origin}/ping?id=1`)).toBeUndefined();
    }
    expect(counted('elsewhere')).toBe(5);
  });

  test('is fetched one at a time, and once a second at most', () => {
    const first = ask('https://hub.example:443/ping?id=1');
    expect(ask('https://hub.example/ping?id=1')).toBeUndefined();
    expect(counted('over-limit')).toBe(0);
    play.pass(5_000);
    expect(ask('https://hub.example/ping?id=2')).toBeUndefined();
    end(first?.id ?? 0);
    const second = ask('https://hub.example/ping?id=3');
    end(second?.id ?? 0);
    expect(ask('https://hub.example/ping?id=4')).toBeUndefined();
    expect(counted('over-limit')).toBe(2);
    play.pass(1_000);
    const third = ask('https://hub.example/ping?id=5');
    play.handle({ type: 'request-failed', id: third?.id ?? 0, reason: 'no answer in time' });
    play.pass(1_000);
    expect(ask('https://hub.example/ping?id=6')).toBeDefined();
  });

  test('its answer says nothing of the connection that is down', () => {
    const asked = ask('https://hub.example/ping?id=1');
    for (const waitMs of [5_000, 5_000, 10_000]) {
      play.handle({ type: 'disconnected', reason: 'reset' }).pass(waitMs);
    }
    play.handle({ type: 'disconnected', reason: 'reset' });
    const next = play.client.nextTimeout();
    end(asked?.id ?? 0);
    expect(play.client.nextTimeout()).toBe(next);
  });
});

test('a map for another key is refused', () => {
  play.joined().fullMap({}, { Key: `nodekey:${'ab'.repeat(32)}` });
  expect(play.all('netmap')).toEqual([]);
  expect(play.client.counters.get('control-map-self-key-mismatch')).toBe(1);
});

test('keep-alives and deltas may come before the full map; only that one counts', () => {
  play
    .joined()
    .frame(KEEP_ALIVE_JSON)
    .frame({ PeersChanged: [peer(3)] });
  const self = { ID: 1, Key: play.body(play.request('map'))['NodeKey'] };
  play.frame({ Node: { ...self, Addresses: ['100.64.0.1/32'] } });
  expect(play.all('netmap')).toEqual([]);
  expect(play.requests('map')).toHaveLength(1);
  play.fullMap();
  expect([...play.last('netmap').netmap.peers.keys()]).toEqual([2]);
  expect(play.client.counters.get('control-map-early-delta')).toBe(2);
});

test('a poll that brings no full map within 30 s is begun anew', () => {
  play
    .joined()
    .pass(fullMapMs - 1000)
    .frame({ PeersChanged: [peer(3)] });
  expect(play.requests('map')).toHaveLength(1);
  play.pass(2000);
  expect(play.requests('map')).toHaveLength(2);
  play.fullMap().pass(fullMapMs + 1000);
  expect(play.requests('map')).toHaveLength(2);
});

test('deltas that overtake the full map of a later poll leave the netmap alone', () => {
  play.running().handle({ type: 'disconnected', reason: 'reset' });
  play.pass(100).handle({ type: 'connected' });
  const self = { ID: 1, Key: play.body(play.request('map'))['NodeKey'] };
  play.frame({ Node: { ...self, Addresses: ['100.64.0.1/32'] } });
  expect([...(play.client.netmap?.peers.keys() ?? [])]).toEqual([2]);
});

test('the first message of a new poll stands alone', () => {
  play.running().handle({ type: 'disconnected', reason: 'reset' });
  play.pass(100).handle({ type: 'connected' }).fullMap({ Peers: [], Domain: 'net.example' });
  expect(play.last('netmap').netmap.peers.size).toBe(0);
});

test('control’s clock is told as often as control tells it', () => {
  play.running();
  const time = Date.parse('2026-01-02T00:00:00Z');
  expect(play.all('control-time')).toEqual([{ type: 'control-time', time }]);
  play.frame({ KeepAlive: true, ControlTime: '2026-01-02T00:00:50Z' });
  expect(play.last('control-time').time).toBe(time + 50_000);
});

test('an outage of six hours leaves netmap and state alone; afterwards everything is said again', () => {
  play.running();
  const told = play.all('netmap').length;
  play.handle({ type: 'disconnected', reason: 'reset' });
  for (let minute = 0; minute < 6 * 60; minute++) {
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

test('another network is a reason to try again at once, but not twice', () => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' });
  for (let tries = 0; tries < 100; tries++) {
    play.handle({ type: 'disconnected', reason: 'refused' });
    play.pass((play.client.nextTimeout() ?? 0) - play.now);
  }
  play.handle({ type: 'disconnected', reason: 'refused' });
  const before = play.all('connect').length;
  play.handle({ type: 'link-changed' }).handle({ type: 'link-changed' });
  expect(play.all('connect')).toHaveLength(before + 1);
  play.handle({ type: 'connected' }).handle({ type: 'link-changed' });
  expect(play.all('connect')).toHaveLength(before + 1);
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
    regionV6LatencyMs: new Map([[900, 25]]),
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
      DERPLatency: { '900-v4': 0.0125, '900-v6': 0.025 },
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

test('a failed update that has become old news lets the client sleep', () => {
  const endpoints = (...ports: number[]): void => {
    const told = ports.map((port) => ({
      endpoint: `192.0.2.1:${port}` as Endpoint,
      type: EndpointType.local,
    }));
    play.handle({ type: 'endpoints', endpoints: told });
  };
  play.running();
  endpoints(1);
  play.answer('update', 200);
  endpoints(1, 2);
  play.answer('update', 500);
  // Before the next try everything is again as control knows it.
  endpoints(1);
  const updates = play.requests('update').length;
  play.now = instant(5_000);
  play.handle({ type: 'timeout' });
  expect(play.requests('update')).toHaveLength(updates);
  // Not at an instant of the past, again and again.
  expect(play.client.nextTimeout()).toBeGreaterThan(play.now);
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
  expect(play.all('refused')).toEqual([
    { type: 'refused', message: expect.stringMatching(/deleted/) as string, fatal: true },
  ]);
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

test('answers to requests that nobody waits for change nothing', () => {
  play.running();
  const before = play.log.length;
  play.handle({ type: 'response', id: 9999, status: 200, body: encodeUtf8('{}') });
  play.handle({ type: 'request-failed', id: 9999, reason: 'x' });
  play.handle({ type: 'stream-bytes', id: 9999, bytes: encodeMapFrame('{}', '') });
  expect(play.log).toHaveLength(before);
});

const TAGS = { Head: { Node: 'nnn', DERPMap: 'ddd' }, Peers: { 2: 'aaa', 3: 'bbb' } };

/** Has peers 2 and 3 with tags, and lost its connection. */
function interrupted(): Play {
  play.joined().fullMap({ Peers: [peer(2), peer(3)], WarrenTags: TAGS });
  play.handle({ type: 'disconnected', reason: 'gone' }).pass(60_000).handle({ type: 'connected' });
  play.answer('register', 200, YES);
  return play;
}

const held = (): unknown => play.body(play.request('map'))['WarrenHeld'];
const peerIds = (): number[] => [...(play.client.netmap?.peers.keys() ?? [])];

test('after a loss it says what it holds, and takes what changed', () => {
  expect(interrupted().requests('map')).toHaveLength(2);
  expect(held()).toEqual(TAGS);
  const told = play.all('netmap').length;
  play.frame({ WarrenResumed: true, WarrenTags: {}, ControlTime: '2026-01-02T00:00:00Z' });
  expect(play.all('netmap')).toHaveLength(told);
  expect(play.client.counters.get('control-map-resumed')).toBe(1);
  // No full map was needed, and none is missed.
  play.pass(fullMapMs + 1000);
  expect(play.requests('map')).toHaveLength(2);
  const changes = { PeersChanged: [peer(4)], PeersRemoved: [3] };
  play.frame({ ...changes, WarrenTags: { Peers: { 4: 'ccc' } } });
  expect(peerIds()).toEqual([2, 4]);
});

test('what was stated without a tag is asked for again', () => {
  play.joined().fullMap({ Peers: [peer(2), peer(3)], WarrenTags: TAGS });
  play.frame({ PeersChangedPatch: [{ NodeID: 2, Online: true }], DERPMap: { Regions: {} } });
  play.handle({ type: 'disconnected', reason: 'gone' }).pass(60_000).handle({ type: 'connected' });
  play.answer('register', 200, YES);
  expect(held()).toEqual({ Head: { Node: 'nnn' }, Peers: { 3: 'bbb' } });
});

test('a server that gives a full map instead is right', () => {
  interrupted().fullMap({ Peers: [peer(5)] });
  expect(peerIds()).toEqual([5]);
  play.handle({ type: 'disconnected', reason: 'gone' }).pass(60_000).handle({ type: 'connected' });
  play.answer('register', 200, YES);
  expect(held()).toEqual({});
});

test('a change of what it never said it holds is no map', () => {
  play.joined().frame({ WarrenResumed: true, PeersChanged: [peer(3)] });
  expect(play.client.counters.get('control-map-early-delta')).toBe(1);
  play.fullMap();
  expect(peerIds()).toEqual([2]);
});

test('after nonsense, and under another key, it holds nothing', () => {
  play.joined().fullMap({ Peers: [peer(2), peer(3)], WarrenTags: TAGS });
  play.frame('not json').pass(1000);
  expect(held()).toEqual({});
});

test('a keep-alive before the full map means that it is still to come', () => {
  play.joined();
  for (let count = 0; count < 4; count++) play.pass(fullMapMs - 1000).frame(KEEP_ALIVE_JSON);
  expect(play.requests('map')).toHaveLength(1);
  play.pass(fullMapMs + 1000);
  expect(play.requests('map')).toHaveLength(2);
});
