import { expect, test } from 'vitest';
import { parseRoutes } from './default-gateways.js';

test('the route that leads away, as `ip -json route get` prints it', () => {
  const text =
    '[{"dst":"192.88.99.1","gateway":"192.168.11.1","dev":"eth0","prefsrc":"192.168.11.10","flags":[],"uid":0,"cache":[]}]';
  expect(parseRoutes(text)).toEqual([
    { gateway: '192.168.11.1', device: 'eth0', source: '192.168.11.10' },
  ]);
});

test('a route without a router, a device that is none, and no JSON at all', () => {
  const text = '[{"dst":"1.1.1.1","dev":"ppp0","prefsrc":"5.6.7.8"},{"dev":7},null]';
  expect(parseRoutes(text)).toEqual([{ gateway: undefined, device: 'ppp0', source: '5.6.7.8' }]);
  for (const other of ['', 'RTNETLINK answers: Network is unreachable', '{}', '[[]]']) {
    expect(parseRoutes(other)).toEqual([]);
  }
});
