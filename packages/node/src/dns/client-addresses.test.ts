import type { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { defaultInterfaces, mayAsk } from './client-addresses.js';

const INTERFACES = {
  lo: [{ address: '127.0.0.1', cidr: '127.0.0.1/8' }],
  eth0: [
    { address: '192.168.1.10', cidr: '192.168.1.10/24' },
    { address: 'fe80::10', cidr: 'fe80::10/64' },
  ],
  docker0: [{ address: '172.17.0.1', cidr: '172.17.0.1/16' }],
  warren0: [
    { address: '100.64.0.7', cidr: '100.64.0.7/32' },
    { address: '100.100.100.100', cidr: '100.100.100.100/32' },
  ],
} as unknown as ReturnType<typeof networkInterfaces>;
const OUTSIDE = defaultInterfaces(
  'default via 192.168.1.1 dev eth0 proto dhcp metric 100\ndefault via fe80::1 dev eth0 metric 1024',
);

test.each([
  ['127.0.0.1', true],
  ['127.5.5.5', true],
  ['100.100.100.100', true],
  ['100.64.0.7', true],
  ['192.168.1.10', true],
  ['::ffff:192.168.1.10', true],
  // A container of this machine.
  ['172.17.3.4', true],
  // Neighbours, peers, the rest of the world, and what is no address.
  ['192.168.1.11', false],
  ['fe80::99%eth0', false],
  ['100.64.0.8', false],
  ['203.0.113.9', false],
  ['', false],
])('%s may ask: %s', (address, expected) => {
  expect(mayAsk(address, INTERFACES, OUTSIDE)).toBe(expected);
});
