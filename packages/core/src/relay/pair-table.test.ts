import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { type NodeKey, publicKeyFromBytes } from '../keys/keys.js';
import { NodeKeyMemo } from './node-key-memo.js';
import { PairTable } from './pair-table.js';

const key = (n: number): NodeKey => publicKeyFromBytes('node', new Uint8Array(32).fill(n));

test('forgets the pair first seen, and counts it', () => {
  const counters = new Counters();
  const table = new PairTable(counters, 2);
  table.count(key(1), key(2), true, 100);
  table.count(key(2), key(1), false, 50);
  table.count(key(1), key(2), false, 70);
  table.count(key(1), key(3), false, 1);
  expect(table.list()).toEqual([
    { source: key(2), target: key(1), discoFrames: 0, dataFrames: 1, dataBytes: 50 },
    { source: key(1), target: key(3), discoFrames: 0, dataFrames: 1, dataBytes: 1 },
  ]);
  expect(counters.get('pair-forgotten')).toBe(1);
});

test('the memo of keys never mixes two keys of the same slot', () => {
  const memo = new NodeKeyMemo();
  const bytes = new Uint8Array(100);
  bytes.fill(0x11, 3, 35);
  bytes.fill(0x21, 40, 72);
  for (let i = 0; i < 3; i++) {
    expect(memo.read(bytes, 3)).toBe(key(0x11));
    expect(memo.read(bytes, 3)).toBe(key(0x11));
    expect(memo.read(bytes, 40)).toBe(key(0x21));
  }
  bytes[10] = 0x12;
  expect(memo.read(bytes, 3)).not.toBe(key(0x11));
});
