import { expect, test } from 'vitest';
import { after, instant } from '../base/instant.js';
import type { IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { addressPingsMax, PingAllowance, peerPingsMax, planPingsMin } from './ping-allowance.js';

const start = instant(0);
const somewhere = '203.0.113.1' as IpAddress;
const peer = (number: number): NodeKey => number.toString(16).padStart(64, '0') as NodeKey;

/** How many plans of a peer are let through. */
function letThrough(tries: number, take: (index: number) => boolean): number {
  return Array.from({ length: tries }, (_, index) => take(index)).filter(Boolean).length;
}

test('a peer may spend so much in ten minutes, wherever it points', () => {
  const allowance = new PingAllowance();
  const take = (index: number, now = start): boolean =>
    allowance.take(peer(1), `203.0.113.${index}` as IpAddress, 1500, now);
  expect(letThrough(20, (index) => take(index))).toBe(peerPingsMax / 1500);
  expect(letThrough(20, (index) => take(index, after(start, 600_000)))).toBe(peerPingsMax / 1500);
  expect(allowance.take(peer(2), '203.0.113.1' as IpAddress, 1500, start)).toBe(true);
});

test('an address may be pinged so often, whoever names it', () => {
  const allowance = new PingAllowance();
  const take = (index: number): boolean =>
    allowance.take(peer(index), '203.0.113.1' as IpAddress, 1500, start);
  expect(letThrough(50, take)).toBe(addressPingsMax / 1500);
  expect(allowance.take(peer(60), '203.0.113.2' as IpAddress, 1500, start)).toBe(true);
});

test('what was not sent is given back, but for what a plan costs others who wait', () => {
  const allowance = new PingAllowance();
  const take = (): boolean => {
    const isTaken = allowance.take(peer(1), somewhere, 1500, start);
    if (isTaken) allowance.settle(peer(1), somewhere, 1500, 0);
    return isTaken;
  };
  // The last ones would not fit whole.
  expect(letThrough(100, take)).toBe((peerPingsMax - 1500) / planPingsMin + 1);
});

test('who sends more than was taken has less the next time', () => {
  const allowance = new PingAllowance();
  expect(allowance.take(peer(1), somewhere, 200, start)).toBe(true);
  allowance.settle(peer(1), somewhere, 200, 1500);
  expect(allowance.take(peer(1), somewhere, 1501, start)).toBe(false);
  expect(allowance.take(peer(1), somewhere, 1500, start)).toBe(true);
});

test('who is refused for the address keeps its own pings', () => {
  const allowance = new PingAllowance();
  letThrough(50, (index) => allowance.take(peer(index), somewhere, 1500, start));
  expect(allowance.take(peer(60), somewhere, 1500, start)).toBe(false);
  const elsewhere = '203.0.113.2' as IpAddress;
  expect(letThrough(5, () => allowance.take(peer(60), elsewhere, 1500, start))).toBe(2);
});

test('what honest peers need in a bad hour is there: an attempt every few seconds, then pauses that double', () => {
  const allowance = new PingAllowance();
  const spend = (pings: number, ms: number): void => {
    expect(allowance.take(peer(1), somewhere, pings, after(start, ms))).toBe(true);
    allowance.settle(peer(1), somewhere, pings, pings);
  };
  for (const ms of [0, 5000, 12_000, 23_000, 40_000, 75_000, 140_000, 270_000, 530_000]) {
    // Both sides begin.
    spend(192, ms);
    spend(64, ms + 2000);
  }
});
