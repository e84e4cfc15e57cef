import { expect, test } from 'vitest';
import { isDebianFamily } from './install.js';
import { packagesFor } from './requirements.js';

test('packages are named once, and only for what a package brings', () => {
  const purpose = 'tests';
  expect(
    packagesFor([
      { what: 'nft', purpose, remedy: { package: 'nftables' } },
      { what: 'tc', purpose, remedy: { package: 'iproute2' } },
      { what: 'ip', purpose, remedy: { package: 'iproute2' } },
      { what: '/dev/net/tun', purpose, remedy: { action: 'modprobe tun' } },
    ]),
  ).toEqual(['iproute2', 'nftables']);
});

test('Debian and its descendants are known by os-release', () => {
  expect(isDebianFamily('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n')).toBe(true);
  expect(isDebianFamily('ID=ubuntu\nID_LIKE=debian\n')).toBe(true);
  expect(isDebianFamily('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
  expect(isDebianFamily('ID=fedora\nID_LIKE="rhel centos"\n')).toBe(false);
  expect(isDebianFamily('ID=alpine\nHOME_URL="https://debian.example"\n')).toBe(false);
  expect(isDebianFamily('')).toBe(false);
});
