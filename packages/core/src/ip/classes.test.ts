import { expect, test } from 'vitest';
import type { IpAddress } from './address.js';
import {
  isLinkLocal,
  isLoopback,
  isMulticast,
  isOverlay,
  isPrivate,
  isUnspecified,
} from './classes.js';

const classes = { isLoopback, isUnspecified, isMulticast, isLinkLocal, isPrivate, isOverlay };

/** First and last address of each class, and their outer neighbours, with what they are. */
const expected: Readonly<Record<string, keyof typeof classes | undefined>> = {
  '0.0.0.0': 'isUnspecified',
  '0.255.255.255': 'isUnspecified',
  '1.0.0.0': undefined,
  '9.255.255.255': undefined,
  '10.0.0.0': 'isPrivate',
  '10.255.255.255': 'isPrivate',
  '11.0.0.0': undefined,
  '100.63.255.255': undefined,
  '100.64.0.0': 'isOverlay',
  '100.127.255.255': 'isOverlay',
  '100.128.0.0': undefined,
  '126.255.255.255': undefined,
  '127.0.0.0': 'isLoopback',
  '127.255.255.255': 'isLoopback',
  '128.0.0.0': undefined,
  '169.253.255.255': undefined,
  '169.254.0.0': 'isLinkLocal',
  '169.254.255.255': 'isLinkLocal',
  '169.255.0.0': undefined,
  '172.15.255.255': undefined,
  '172.16.0.0': 'isPrivate',
  '172.31.255.255': 'isPrivate',
  '172.32.0.0': undefined,
  '192.167.255.255': undefined,
  '192.168.0.0': 'isPrivate',
  '192.168.255.255': 'isPrivate',
  '192.169.0.0': undefined,
  '203.0.113.9': undefined,
  '223.255.255.255': undefined,
  '224.0.0.0': 'isMulticast',
  '239.255.255.255': 'isMulticast',
  '240.0.0.0': undefined,
  '255.255.255.255': 'isMulticast',
  '::': 'isUnspecified',
  '::1': 'isLoopback',
  '::2': undefined,
  '2001:db8::1': undefined,
  'fbff::1': undefined,
  'fc00::': 'isPrivate',
  'fd00::1': 'isPrivate',
  'fdff::1': 'isPrivate',
  'fe00::1': undefined,
  'fe80::1': 'isLinkLocal',
  'febf::1': 'isLinkLocal',
  'fec0::1': undefined,
  'ff02::1': 'isMulticast',
};

test('each address is in its class and in no other', () => {
  for (const [address, wanted] of Object.entries(expected)) {
    for (const [name, is] of Object.entries(classes)) {
      expect(`${address} ${name} ${is(address as IpAddress)}`).toBe(
        `${address} ${name} ${name === wanted}`,
      );
    }
  }
});

test('the IPv6 overlay is a private range too', () => {
  for (const address of ['fd7a:115c:a1e0::', 'fd7a:115c:a1e0:ffff::1'] as IpAddress[]) {
    expect(isOverlay(address)).toBe(true);
    expect(isPrivate(address)).toBe(true);
  }
  expect(isOverlay('fd7a:115c:a1e1::' as IpAddress)).toBe(false);
});
