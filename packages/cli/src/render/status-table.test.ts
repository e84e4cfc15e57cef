import type { PeerStatus, StatusReport } from '@warren/node/local-api/protocol';
import { describe, expect, test } from 'vitest';
import { quietPeer, runningReport } from '../testing/reports.js';
import { notRunningSentence, peerState, renderStatus, type StatusView } from './status-table.js';

const nowMs = Date.parse('2031-03-04T05:06:07Z');
const view: StatusView = { peers: true, activeOnly: false, nowMs, os: 'linux' };

const quiet = quietPeer;
const report: StatusReport = { ...runningReport, peers: [] };

describe('a peer’s state', () => {
  const moved = { txBytes: 480, rxBytes: 512 };
  const cases: readonly [string, Partial<PeerStatus>, string][] = [
    ['never talked to', {}, '-'],
    ['unknown whether online', { online: null }, '-'],
    ['talked to before', moved, 'idle, tx 480 rx 512'],
    [
      'direct',
      {
        active: true,
        path: 'direct',
        endpoint: '192.168.1.20:41641',
        txBytes: 9120,
        rxBytes: 10404,
      },
      'active; direct 192.168.1.20:41641, tx 9120 rx 10404',
    ],
    ['relayed', { ...moved, active: true, path: 'relay' }, 'active; relay "hbt", tx 480 rx 512'],
    ['active without any path', { active: true }, 'active'],
    ['gone, unknown since when', { online: false }, 'offline'],
    [
      'gone since three hours',
      { online: false, lastSeen: '2031-03-04T02:06:07Z' },
      'offline, last seen 3h ago',
    ],
    ['gone after talking', { ...moved, online: false }, 'idle; offline, tx 480 rx 512'],
    [
      'still sent to although gone',
      { active: true, path: 'relay', online: false },
      'active; relay "hbt"; offline',
    ],
  ];
  test.each(cases)('%s', (_name, change, text) => {
    expect(peerState({ ...quiet, ...change }, nowMs)).toBe(text);
  });
});

test('a row per machine: first address, name, user, OS, state', () => {
  const phone: PeerStatus = {
    ...quiet,
    name: 'phone.warren.internal.',
    user: 'bob@example.net',
    os: 'android',
    addresses: ['100.64.0.109'],
    active: true,
    path: 'relay',
    txBytes: 480,
    rxBytes: 512,
  };
  expect(renderStatus({ ...report, peers: [quiet, phone] }, view)).toEqual([
    '100.64.0.2    laptop  ann@  linux    -',
    '100.64.0.3    desk    ann@  linux    -',
    '100.64.0.109  phone   bob@  android  active; relay "hbt", tx 480 rx 512',
  ]);
});

test('peers can be left out, or only those in use shown', () => {
  const used = { ...quiet, name: 'used.', active: true };
  const both = { ...report, peers: [quiet, used] };
  expect(renderStatus(both, { ...view, peers: false })).toHaveLength(1);
  expect(renderStatus(both, { ...view, activeOnly: true })[1]).toContain('used');
});

test('a machine without a name shows its host name in quotes, without user or OS a dash', () => {
  const bare = { ...quiet, name: '', hostName: 'My PC', user: '', os: '' };
  expect(renderStatus({ ...report, self: null, peers: [bare] }, view)).toEqual([
    '100.64.0.3  "My PC"  -  -  -',
  ]);
});

test('what is wrong follows as comments', () => {
  const lines = renderStatus({ ...report, health: ['no relay is reachable'] }, view);
  expect(lines.slice(1)).toEqual(['', '# Health check:', '#     - no relay is reachable']);
});

test('a warning of control’s stands there as a stock client shows it', () => {
  const health = ['Update available: the gateway is old. (Read more: https://hub.example/new)'];
  expect(renderStatus({ ...report, health }, view).slice(2)).toEqual([
    '# Health check:',
    `#     - ${health[0]}`,
  ]);
});

test('names and sentences of others cannot drive the terminal', () => {
  const evil = { ...quiet, name: 'a\u001b[8m.', user: 'x\n@', os: '\u0007' };
  const text = renderStatus({ ...report, peers: [evil], health: ['\u001b[2J'] }, view).join('');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point.
  expect(text).not.toMatch(/[\u0000-\u001f]/);
});

test('every state but Running has its sentence', () => {
  const sentence = (change: Partial<StatusReport>) => notRunningSentence({ ...report, ...change });
  expect(sentence({})).toBeUndefined();
  expect(sentence({ state: 'Stopped' })).toBe('Warren is stopped.');
  expect(sentence({ state: 'NeedsLogin' })).toBe('Logged out.');
  expect(sentence({ state: 'NeedsLogin', authUrl: 'https://h/r/1' })).toBe(
    'Logged out.\nLog in at: https://h/r/1',
  );
  expect(sentence({ state: 'NeedsMachineAuth' })).toMatch(/not yet approved/);
  expect(sentence({ state: 'Starting' })).toBe('Warren is starting.');
});

test('configured endpoints are named, so that a person sees they have arrived', () => {
  const settings = { ...report.settings, staticEndpoints: ['192.0.2.1:1', '192.0.2.2:2'] };
  const lines = renderStatus({ ...report, settings }, view);
  expect(lines.slice(1)).toEqual(['', '# Static endpoints: 192.0.2.1:1, 192.0.2.2:2']);
});
