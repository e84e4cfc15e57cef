import { assert } from '@warren/core/base/assert';
import { equalBytes } from '@warren/core/base/bytes';
import { PlainChecksum } from '@warren/core/offload/checksum';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena } from '../plane/arena.js';
import { createChecksum, createWasmChecksum } from './wasm-checksum.js';

const arena = new Arena(300_000, () => 0);
const plain = new PlainChecksum(arena.bytes);
const wasm = createWasmChecksum(arena);
assert(wasm !== undefined, 'every Node that we support has vectors');

describe('the checksum by WebAssembly', () => {
  test('is what a plane gets', () => {
    expect(createChecksum(arena)).not.toBeInstanceOf(PlainChecksum);
  });

  test('sums as the plain one does, at every offset and length', () => {
    const initials = fc.oneof(fc.constantFrom(0, 0xffff, 0x7fff_ffff), fc.nat(0x7fff_ffff));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 1600 }),
      fc.nat(1600).map((length) => new Uint8Array(length)),
      fc.nat(1600).map((length) => new Uint8Array(length).fill(0xff)),
    );
    fc.assert(
      fc.property(bytes, fc.nat(16), initials, (data, shift, initial) => {
        const at = 128 + shift;
        arena.bytes.set(data, at);
        arena.bytes.fill(0x77, at + data.length, at + data.length + 64);
        arena.bytes.fill(0x77, at - 64, at);
        expect(wasm.sum(at, data.length, initial)).toBe(plain.sum(at, data.length, initial));
      }),
      { numRuns: 2000 },
    );
  });

  test('copies as the plain one does, and touches nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(16), fc.nat(16), (data, from, to) => {
        const source = 1024 + from;
        const target = 2048 + to;
        arena.bytes.fill(0x33, 1024, 4096);
        arena.bytes.set(data, source);
        const expected = arena.bytes.slice(0, 4096);
        expected.set(data, target);
        expect(wasm.copy(target, source, data.length, 5)).toBe(plain.sum(source, data.length, 5));
        expect(equalBytes(arena.bytes.subarray(0, 4096), expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('holds the largest sum there is', () => {
    arena.bytes.fill(0xff, 64, 64 + 131_072);
    expect(wasm.sum(64, 131_072, 0x7fff_ffff)).toBe(plain.sum(64, 131_072, 0x7fff_ffff));
    const copied = wasm.copy(64 + 131_072, 64, 131_072, 0x7fff_ffff);
    expect(copied).toBe(plain.sum(64, 131_072, 0x7fff_ffff));
  });
});
