import { BugError } from '@warren/core/base/assert';
import { describe, expect, test } from 'vitest';
import { loadLibc } from '../libc/libc.js';
import { Arena } from './arena.js';

describe('an arena', () => {
  const nowhere = () => 4096;

  test('hands out parts that are aligned and never overlap', () => {
    const arena = new Arena(1_000_000, nowhere);
    expect(arena.bytes.length).toBeGreaterThanOrEqual(1_000_000);
    let end = 1;
    for (const [bytes, alignment] of [
      [10],
      [1],
      [65_546, 4096],
      [7, 1],
      [16, 16],
      [0, 1],
    ] as const) {
      const at = arena.reserve(bytes, alignment);
      expect(at % (alignment ?? 64)).toBe(0);
      expect(at).toBeGreaterThanOrEqual(end);
      end = at + bytes;
    }
  });

  test('gives all it has, and not a byte more', () => {
    const arena = new Arena(65_536, nowhere);
    arena.reserve(65_536 - 64);
    expect(() => arena.reserve(1)).toThrow(BugError);
    expect(() => arena.reserve(-1)).toThrow(BugError);
    expect(() => arena.reserve(0, 3)).toThrow(BugError);
  });

  test('shows the same bytes by array, view and address', async () => {
    const libc = await loadLibc();
    const arena = new Arena(65_536, (bytes) => libc.addressOf(bytes));
    const at = arena.reserve(100);
    arena.view.setUint32(at, 0xdeadbeef);
    expect([...arena.bytes.subarray(at, at + 4)]).toEqual([0xde, 0xad, 0xbe, 0xef]);
    expect(libc.addressOf(arena.bytes.subarray(at))).toBe(arena.address + at);
    expect(arena.memory.buffer).toBe(arena.bytes.buffer);
  });
});
