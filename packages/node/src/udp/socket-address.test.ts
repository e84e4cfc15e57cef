import { viewOf } from '@warren/core/base/bytes';
import type { Endpoint } from '@warren/core/ip/address';
import { describe, expect, test } from 'vitest';
import { Arena } from '../plane/arena.js';
import { readSocketPort, SourceTable, writeSocketAddress } from './socket-address.js';

const hex = (memory: Uint8Array, at: number, length: number): string =>
  Buffer.from(memory.subarray(at, at + length)).toString('hex');

describe('a socket address', () => {
  test('is laid out as the kernel reads it', () => {
    const memory = new Uint8Array(64).fill(0xee);
    const view = viewOf(memory);
    // From <netinet/in.h> of Linux on a little-endian machine, written by hand.
    expect(writeSocketAddress(memory, 2, '192.0.2.1:41641' as Endpoint)).toBe(16);
    expect(hex(memory, 0, 20)).toBe('eeee' + '0200a2a9c0000201' + '0000000000000000' + '0000');
    expect(readSocketPort(view, 2)).toBe(41641);
    expect(writeSocketAddress(memory, 2, '[2001:db8::7]:53' as Endpoint)).toBe(28);
    expect(hex(memory, 2, 28)).toBe(
      '0a00003500000000' + '20010db8000000000000000000000007' + '00000000',
    );
    expect(memory[30]).toBe(0xee);
  });
});

describe('sources', () => {
  const arena = new Arena(65_536, () => 4096);
  const at = arena.reserve(28);
  const sources = new SourceTable(arena);
  const come = (from: string, scope = 0): Endpoint | undefined => {
    writeSocketAddress(arena.bytes, at, from as Endpoint);
    if (scope !== 0) arena.view.setUint32(at + 24, scope, true);
    return sources.endpointAt(at);
  };

  test('of 8,000 senders by turns are told apart by every part of the address', () => {
    const names: string[] = [];
    for (let i = 0; i < 2000; i++) {
      names.push(`10.0.${i >> 8}.${i & 255}:7`, `10.0.0.1:${i + 1}`);
      names.push(
        `[2001:db8::${(i + 1).toString(16)}]:7`,
        `[2001:db8:${(i + 1).toString(16)}::1]:7`,
      );
    }
    expect([...names, ...names].filter((name) => come(name) !== name)).toEqual([]);
  });

  test('that come again and again parse once, whoever came between', () => {
    const first = come('192.0.2.9:1');
    come('192.0.2.10:1');
    expect(come('192.0.2.9:1')).toBe(first);
  });

  test('of IPv4 do not look at what the longer address left behind', () => {
    come('[2001:db8::ffff:ffff]:9');
    arena.bytes.fill(0xff, at, at + 28);
    const v4 = '127.0.0.1:9';
    arena.bytes.set([2, 0, 0, 9, 127, 0, 0, 1], at);
    expect(sources.endpointAt(at)).toBe(v4);
    expect(come(v4)).toBe(v4);
  });

  test('that need a zone are nobody, each time', () => {
    for (let i = 0; i < 3; i++) expect(come('[fe80::1]:9', 2)).toBeUndefined();
    expect(come('[fec0::1]:9')).toBe('[fec0::1]:9');
    expect(come('169.254.0.1:9')).toBe('169.254.0.1:9');
  });
});
