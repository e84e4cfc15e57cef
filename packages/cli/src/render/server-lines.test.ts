import { expect, test } from 'vitest';
import { formatHostPort, renderHubReady, renderRelayReady } from './server-lines.js';

const ready = {
  url: 'https://192.0.2.7',
  stunPort: 3478,
  authKey: 'wkey-auth-x',
  reissued: null,
} as const;

test('a hub with a key gives the line to paste', () => {
  expect(renderHubReady(ready)).toEqual([
    'The hub is up on https://192.0.2.7, STUN on UDP 3478.',
    'Join machines with this line (any number, for 24 hours):',
    '  warren up --login-server https://192.0.2.7 --auth-key wkey-auth-x',
  ]);
});

test('a hub without one says how to make it, and that a new certificate strands machines', () => {
  const lines = renderHubReady({ ...ready, authKey: null, stunPort: null, reissued: 'expired' });
  expect(lines[0]).toBe('The hub is up on https://192.0.2.7, no STUN.');
  expect(lines[1]).toMatch(/had expired and is new: .* must join again\.$/);
  expect(lines.at(-1)).toBe('  warren control keys create');
});

test('a relay names its region file', () => {
  const relay = { regionId: 901, regionCode: 'fra', regionFile: '/s/derp-region.json' };
  expect(
    renderRelayReady({ ...relay, host: '2001:db8::7', port: 443, stunPort: undefined }),
  ).toEqual([
    'Relay fra (region 901) is up on [2001:db8::7]:443, no STUN.',
    'To use it, copy its region file to the hub and start the hub with',
    '  warren hub --derp-region-file /s/derp-region.json',
  ]);
});

test('hosts and ports', () => {
  expect(formatHostPort('hub.example.net', 443)).toBe('hub.example.net:443');
  expect(formatHostPort('::1', 1)).toBe('[::1]:1');
});
