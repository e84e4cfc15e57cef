import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { pickAddress } from './pick-address.js';

function ipv4(address: string, internal = false): NetworkInterfaceInfo {
  const mac = '00:00:00:00:00:00';
  return { address, netmask: '255.255.255.0', family: 'IPv4', mac, internal, cidr: null };
}
const ipv6: NetworkInterfaceInfo = {
  ...ipv4('2001:db8::1'),
  family: 'IPv6',
  scopeid: 0,
};
const lo = [ipv4('127.0.0.1', true)];

test('the first IPv4 that is not loopback', () => {
  expect(
    pickAddress({
      lo,
      eth0: [ipv6, ipv4('192.0.2.7'), ipv4('192.0.2.8')],
      eth1: [ipv4('10.0.0.2')],
    }),
  ).toEqual({ address: '192.0.2.7', interfaceName: 'eth0' });
});

test('real interfaces come before bridges and tunnels, whatever their order', () => {
  const interfaces = {
    docker0: [ipv4('172.17.0.1')],
    warren0: [ipv4('100.64.0.1')],
    wlan0: [ipv4('192.168.1.5')],
  };
  expect(pickAddress(interfaces)?.address).toBe('192.168.1.5');
});

test('a provider’s inside address only when there is no other', () => {
  const inside = [ipv4('100.99.3.4')];
  expect(pickAddress({ wwan0: inside, eth0: [ipv4('10.1.2.3')] })?.address).toBe('10.1.2.3');
  expect(pickAddress({ lo, wwan0: inside })?.address).toBe('100.99.3.4');
  expect(pickAddress({ docker0: [ipv4('172.17.0.1')] })?.address).toBe('172.17.0.1');
});

test('nothing but loopback, link-local or IPv6: none', () => {
  expect(pickAddress({ lo, eth0: [ipv4('169.254.3.4'), ipv6], eth1: undefined })).toBeUndefined();
});
