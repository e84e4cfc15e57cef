import { beforeEach, expect, test } from 'vitest';
import { KEEP_ALIVE_JSON } from './map-framing.js';
import { KNOWN_KEY, keyText, Play, YES, zeroKey } from './test-play.js';

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
    WarrenHeld: {},
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
  'this login was rejected by the operator of the network',
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

test.each([
  [20_000, 20_000],
  [24 * 3_600_000, 3_600_000],
])('429 with %d ms to wait: %d ms', (retryAfterMs, waitMs) => {
  play.handle({ type: 'login', authKey: 'wkey-auth-x' }).handle({ type: 'connected' });
  const { id } = play.request('register');
  play.handle({ type: 'response', id, status: 429, body: new Uint8Array(), retryAfterMs });
  expect((play.client.nextTimeout() ?? 0) - play.now).toBe(waitMs);
});

test('an auth URL is shown, and followed without a limit of time', () => {
  play.handle({ type: 'login', authKey: undefined }).handle({ type: 'connected' });
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  const { url, nodeKey } = play.last('auth-url');
  expect(url).toBe('https://login.example/a/1');
  expect(`nodekey:${nodeKey}`).toBe(play.body(play.request('register'))['NodeKey']);
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

test('a forced login asks with a new key while the present one serves, and changes over when it is taken', () => {
  play.running();
  const old = play.body(play.request('register'))['NodeKey'];
  const poll = play.request('map');
  play.handle({ type: 'login', authKey: undefined, force: true });
  const asked = play.body(play.request('register'));
  expect(asked['OldNodeKey']).toBe(old);
  expect(asked['NodeKey']).not.toBe(old);
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  expect(`nodekey:${play.last('auth-url').nodeKey}`).toBe(asked['NodeKey']);
  // Days may pass: the netmap is followed, changes are told, nobody hears that anything is amiss.
  play.frame(KEEP_ALIVE_JSON);
  play.handle({ type: 'endpoints', endpoints: [] });
  expect(play.states.at(-1)).toBe('Running');
  expect(play.request('map')).toBe(poll);
  expect(play.all('node-key')).toHaveLength(1);
  play.answer('register', 200, YES);
  expect(play.last('cancel').id).toBe(poll.id);
  expect(play.body(play.request('map'))['NodeKey']).toBe(asked['NodeKey']);
  const taken = play.last('node-key').nodeKey;
  expect(taken !== undefined && keyText(taken)).toBe(asked['NodeKey']);
  play.fullMap();
  expect(play.states.slice(-2)).toEqual(['Starting', 'Running']);
});

test('while a new key is asked for, a poll that is refused under the old one is no deletion yet', () => {
  play.running().handle({ type: 'login', authKey: undefined, force: true });
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  // The server took the new key and closed the poll of the old one; its answer to us is on the way.
  const poll = play.request('map');
  play.handle({ type: 'request-failed', id: poll.id, reason: 'closed' }).pass(1000);
  play.answer('map', 404, 'node not found').pass(4000);
  expect(play.states.at(-1)).toBe('Running');
  expect(play.all('refused')).toEqual([]);
  play.answer('register', 200, YES);
  play.pass(100).fullMap();
  expect(play.states.slice(-2)).toEqual(['Starting', 'Running']);
  expect(play.body(play.request('map'))['NodeKey']).toBe(
    play.body(play.request('register'))['NodeKey'],
  );
});

test('a forced login that is refused leaves all as it was', () => {
  play.running();
  const before = play.client.netmap;
  play.handle({ type: 'login', authKey: 'wkey-auth-bad', force: true });
  play.answer('register', 200, { Error: 'invalid auth key' });
  expect(play.last('refused')).toMatchObject({ fatal: true });
  expect(play.states.at(-1)).toBe('Running');
  expect(play.client.netmap).toBe(before);
  expect(play.all('node-key')).toHaveLength(1);
  play.frame(KEEP_ALIVE_JSON).pass(60_000);
  expect(play.requests('register')).toHaveLength(2);
});

test('a forced login goes on after the connection broke, under the same address', () => {
  play.running().handle({ type: 'login', authKey: undefined, force: true });
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  const asked = play.body(play.request('register'));
  play.handle({ type: 'disconnected', reason: 'gone' }).pass(1000).handle({ type: 'connected' });
  expect(play.body(play.request('register'))).toMatchObject({
    NodeKey: asked['NodeKey'],
    Followup: 'https://login.example/a/1',
  });
  expect(play.states.at(-1)).toBe('Running');
});

test('a logout in the middle of a forced login ends the key in use', () => {
  play.running();
  const old = play.body(play.request('register'))['NodeKey'];
  play.handle({ type: 'login', authKey: undefined, force: true });
  play.answer('register', 200, { AuthURL: 'https://login.example/a/1' });
  play.handle({ type: 'logout' });
  expect(play.body(play.request('register'))).toMatchObject({
    NodeKey: old,
    Expiry: '1970-01-01T00:02:03Z',
    Followup: '',
  });
  play.answer('register', 200, { NodeKeyExpired: true });
  expect(play.states.at(-1)).toBe('NeedsLogin');
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
