import { Counters } from '@warren/core/base/counters';
import type { RelayPacket } from '@warren/core/engines/messages';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { beforeEach, expect, test } from 'vitest';
import {
  Backlog,
  createSharedBacklog,
  MAX_WAITING_PACKETS,
  RESERVED_PACKETS,
  type SharedBacklog,
  workOff,
} from './backlog.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
const newPeer = () => publicKeyOf(crypto, 'node', generatePrivateKey('node', random));
const [flooded, other] = [newPeer(), newPeer()];

let shared: SharedBacklog;
let counters: Counters;
let backlog: Backlog;

beforeEach(() => {
  shared = createSharedBacklog();
  counters = new Counters();
  backlog = new Backlog(shared, counters, 'full');
});

function offer(peer: RelayPacket['peer'], count: number): number {
  const packet: RelayPacket = { peer, regionId: 1, bytes: new Uint8Array(1) };
  return backlog.admit(Array.from({ length: count }, () => packet)).length;
}

test('a receiver that stands still costs packets that are counted; one that goes on gets new ones', () => {
  const batch = MAX_WAITING_PACKETS / 3;
  expect([1, 2, 3, 4].map(() => offer(flooded, batch))).toEqual([batch, batch, batch, 0]);
  expect(counters.get('full')).toBe(batch);
  workOff(shared, batch);
  expect([1, 2].map(() => offer(flooded, batch))).toEqual([batch, 0]);
});

test('a batch goes in as far as there is room', () => {
  expect(offer(flooded, MAX_WAITING_PACKETS + 100)).toBe(MAX_WAITING_PACKETS);
  expect(counters.get('full')).toBe(100);
});

test('a peer with few packets gets in while another one floods, however long', () => {
  let got = 0;
  for (let turn = 0; turn < 1_000; turn++) {
    offer(flooded, 300);
    got += offer(other, 1);
    workOff(shared, 100);
  }
  expect(got).toBe(1_000);
});

test('many with few packets each are bounded as well', () => {
  offer(flooded, MAX_WAITING_PACKETS);
  let got = 0;
  for (let i = 0; i < 40; i++) got += offer(newPeer(), 50);
  expect(got).toBe(RESERVED_PACKETS);
  expect(counters.get('full')).toBe(40 * 50 - RESERVED_PACKETS);
});
