import { expect, test } from 'vitest';
import { after, instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { addressPingsMax, PingAllowance, peerPingsMax, planPingsMin } from './ping-allowance.js';

const start = instant(0);
const planAt = (address: string, count: number) => ({
  first: `${address}:1024` as Endpoint,
  step: 1,
  count,
});
const peer = (number: number): NodeKey => number.toString(16).padStart(64, '0') as NodeKey;

/** How many plans of a peer are let through. */
function letThrough(tries: number, take: (index: number) => boolean): number {
  return Array.from({ length: tries }, (_, index) => take(index)).filter(Boolean).length;
}

test('a peer may spend so much in ten minutes, wherever it points', () => {
  const allowance = new PingAllowance();
  const take = (index: number, now = start): boolean =>
    allowance.take(peer(1), planAt(`203.0.113.${index}`, 1500), now);
  expect(letThrough(20, (index) => take(index))).toBe(peerPingsMax / 1500);
  expect(letThrough(20, (index) => take(index, after(start, 600_000)))).toBe(peerPingsMax / 1500);
  expect(allowance.take(peer(2), planAt('203.0.113.1', 1500), start)).toBe(true);
});

test('an address may be pinged so often, whoever names it', () => {
  const allowance = new PingAllowance();
  const take = (index: number): boolean =>
    allowance.take(peer(index), planAt('203.0.113.1', 1500), start);
  expect(letThrough(50, take)).toBe(addressPingsMax / 1500);
  expect(allowance.take(peer(60), planAt('203.0.113.2', 1500), start)).toBe(true);
});

test('a plan of one port counts as more, since others wait for it', () => {
  const allowance = new PingAllowance();
  const take = (index: number): boolean =>
    allowance.take(peer(1), planAt(`203.0.113.${index % 200}`, 1), start);
  expect(letThrough(100, take)).toBe(peerPingsMax / planPingsMin);
});

test('what honest peers need in a bad hour is there: an attempt every few seconds, then pauses that double', () => {
  const allowance = new PingAllowance();
  for (const ms of [0, 5000, 12_000, 23_000, 40_000, 75_000, 140_000, 270_000, 530_000]) {
    // Both sides begin.
    expect(allowance.take(peer(1), planAt('203.0.113.1', 256), after(start, ms))).toBe(true);
    expect(allowance.take(peer(1), planAt('203.0.113.1', 64), after(start, ms + 2000))).toBe(true);
  }
});
