import { expect, test } from 'vitest';
import { stableRoutes } from './default-routes.js';

const radv = (seconds: number): string =>
  `default via fe80::1 dev eth0 proto ra metric 1024 expires ${seconds}sec hoplimit 64 pref medium`;
const dhcp = 'default via 192.168.1.1 dev wlan0 proto dhcp src 192.168.1.5 metric 600 ';

test('a lifetime that runs down is no change of network', () => {
  expect(stableRoutes(`${dhcp}\n${radv(1797)}`)).toBe(stableRoutes(`${dhcp}\n${radv(1787)}\n`));
});

test('neither is another order', () => {
  expect(stableRoutes(`${radv(1)}\n${dhcp}`)).toBe(stableRoutes(`${dhcp}\n${radv(1)}`));
});

test('another gateway, device or state is one', () => {
  const before = stableRoutes(dhcp);
  for (const other of [
    dhcp.replace('192.168.1.1 ', '192.168.2.1 '),
    dhcp.replace('wlan0', 'eth0'),
    `${dhcp}linkdown`,
    '',
  ]) {
    expect(stableRoutes(other)).not.toBe(before);
  }
});
