import { parsePublicKey, privateKeyFromBytes } from '@warren/core/keys/keys';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatProfile, freshProfile, type Profile, parseProfile } from './profile.js';

const random = { fill: (target: Uint8Array) => target.fill(7) };

const full: Profile = {
  machineKey: privateKeyFromBytes('machine', new Uint8Array(32).fill(1)),
  login: {
    server: 'https://203.0.113.1',
    pins: {
      certificateSha256: 'ab'.repeat(32),
      controlKey: parsePublicKey('machine', `mkey:${'cd'.repeat(32)}`) ?? ('' as never),
    },
    nodeKey: privateKeyFromBytes('node', new Uint8Array(32).fill(2)),
    joined: false,
  },
  previous: {
    server: 'https://203.0.113.2',
    pins: undefined,
    nodeKey: privateKeyFromBytes('node', new Uint8Array(32).fill(3)),
    joined: true,
  },
  hostName: 'alpha',
  staticEndpoints: ['192.0.2.20:41641', 'vpn.example.com:41641'],
  wantRunning: true,
};

test('a profile survives the way through its file', () => {
  expect(parseProfile(formatProfile(full))).toEqual(full);
  const fresh = freshProfile(random);
  expect(parseProfile(formatProfile(fresh))).toEqual(fresh);
});

test('a cut or altered file is refused, not half read', () => {
  const text = formatProfile(full);
  for (let length = 0; length < text.length - 2; length += 7) {
    expect(parseProfile(text.slice(0, length))).toBeUndefined();
  }
  expect(parseProfile(text.replace('"version": 1', '"version": 2'))).toBeUndefined();
  expect(parseProfile(text.replace('privkey:', 'pivkey:'))).toBeUndefined();
  fc.assert(fc.property(fc.json(), (json) => parseProfile(json) === undefined));
});

test('no field is forgotten because it is damaged: pins, keys and servers least of all', () => {
  const text = formatProfile(full);
  for (const [good, bad] of [
    ['"certificateSha256": "ab', '"certificateSha256": "zb'],
    ['"controlKey": "mkey:cd', '"controlKey": "mkey:'],
    ['"pins": {', '"pinz": {'],
    ['"server": "https://203.0.113.1"', '"server": 17'],
    ['"joined": false', '"joined": "false"'],
    ['"wantRunning": true', '"wantRunning": 1'],
    ['"hostName": "alpha"', '"hostName": ["alpha"]'],
    ['"192.0.2.20:41641"', '"192.0.2.20"'],
    ['"previous": {', '"previous": [], "x": {'],
  ] as const) {
    expect(text).toContain(good);
    expect(parseProfile(text.replace(good, bad))).toBeUndefined();
  }
});

test('a file of before there were static endpoints in it is read', () => {
  const { staticEndpoints: _, ...older } = JSON.parse(formatProfile(full)) as Record<
    string,
    unknown
  >;
  expect(parseProfile(JSON.stringify(older))).toEqual({ ...full, staticEndpoints: [] });
});

test('a switch that was set is kept, one that was not is not written', () => {
  expect(formatProfile(full)).not.toContain('hardNats');
  for (const hardNats of [true, false]) {
    expect(parseProfile(formatProfile({ ...full, hardNats }))).toEqual({ ...full, hardNats });
  }
  const text = formatProfile({ ...full, hardNats: true });
  expect(parseProfile(text.replace('"hardNats": true', '"hardNats": 1'))).toBeUndefined();
});

test('the tags that a machine asks for are kept, and damaged ones refuse the file', () => {
  const tagged = { ...full, advertiseTags: ['tag:web', 'tag:eu'] };
  expect(parseProfile(formatProfile(tagged))).toEqual(tagged);
  expect(parseProfile(formatProfile(tagged).replace('"tag:eu"', '7'))).toBeUndefined();
});
