import { expect, test } from 'vitest';
import { usableAddresses } from './local-addresses.js';

const entry = (address: string, internal = false) => ({
  address,
  internal,
  netmask: '',
  mac: '',
  cidr: null,
  family: 'IPv4' as const,
});

test('an address of a carrier’s network is one like others, though meshes use its range', () => {
  const interfaces = {
    wwan0: [entry('100.64.3.4'), entry('fd7a:115c:a1e0::9')],
    warren1: [entry('100.64.0.9')],
  };
  expect(usableAddresses(interfaces, 'warren0')).toEqual(['100.64.3.4']);
});

test('loopback, link-local, the tunnel and those of other meshes never become endpoints', () => {
  const addresses = usableAddresses(
    {
      lo: [entry('127.0.0.1', true)],
      eth0: [entry('192.168.1.10'), entry('fe80::1'), entry('2001:db8::5')],
      warren0: [entry('100.64.0.1')],
      tailscale0: [entry('100.101.102.103')],
      eth1: [entry('10.0.0.4'), entry('169.254.3.4')],
    },
    'warren0',
  );
  expect(addresses).toEqual(['10.0.0.4', '192.168.1.10', '2001:db8::5']);
});

test('a machine with hundreds of bridges advertises a bounded list', () => {
  const many = Array.from({ length: 300 }, (_, i) => entry(`10.1.${i >> 8}.${i & 255}`));
  expect(usableAddresses({ br: many }, 'warren0')).toHaveLength(32);
});
