import { nobleCrypto } from '@warren/core/crypto/noble';
import { transportCipherOver } from '@warren/core/crypto/transport-cipher';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import {
  CIPHER_MAKERS,
  CIPHER_NAMES,
  type CipherMakers,
  chooseCipher,
  tryCipher,
  withCipher,
} from './choose-cipher.js';
import { cipherFault, type MakeCipher } from './cipher-check.js';

const sound: MakeCipher = (key) => transportCipherOver(nobleCrypto, key);
const absent = (): never => {
  throw new Error('Cannot find function');
};

const makers = (changed: Partial<CipherMakers>): CipherMakers => ({
  raw: () => sound,
  evp: () => sound,
  node: () => sound,
  ...changed,
});

/** A cipher that does one thing wrong. */
function wrong(change: (right: ReturnType<MakeCipher>) => Partial<ReturnType<MakeCipher>>) {
  return (key: Uint8Array) => {
    const right = sound(key);
    return { ...right, ...change(right) };
  };
}

test('the first in the order that works is taken', async () => {
  expect(await chooseCipher(undefined, makers({}))).toMatchObject({ name: 'raw', rejected: [] });
  expect(await chooseCipher('', makers({ raw: absent }))).toMatchObject({
    name: 'evp',
    rejected: [{ name: 'raw', reason: 'Cannot find function' }],
  });
});

test('on this machine some cipher is found, and packets go through it', async () => {
  const choice = await chooseCipher(undefined);
  const memory = new Uint8Array(64);
  const cipher = withCipher(createNodeCrypto(), choice).transportCipher(new Uint8Array(32));
  cipher.seal(5, memory, 8, 20);
  expect(sound(new Uint8Array(32)).open(5, memory, 8, 36)).toBe(true);
  cipher.erase();
});

test('a cipher is forced by name, and then no other is taken', async () => {
  expect(await chooseCipher('node', makers({}))).toMatchObject({ name: 'node', rejected: [] });
  await expect(chooseCipher('evp', makers({ evp: absent }))).rejects.toMatchObject({
    code: 'CIPHER_UNUSABLE',
    message: 'no cipher for packets is usable (evp: Cannot find function)',
  });
  await expect(chooseCipher('rot13', makers({}))).rejects.toMatchObject({
    code: 'CIPHER_UNKNOWN',
  });
});

test('with none left it says why of each', async () => {
  const none = makers({ raw: absent, evp: absent, node: absent });
  await expect(chooseCipher(undefined, none)).rejects.toThrow(/raw: .*evp: .*node: /);
});

const faults: Record<string, [MakeCipher, RegExp]> = {
  'a wrong bit in the tag': [
    wrong(({ seal }) => ({
      seal(counter, memory, at, length) {
        seal(counter, memory, at, length);
        memory[at + length] = (memory[at + length] ?? 0) ^ 1;
      },
    })),
    /vector of 114 bytes is sealed wrongly/,
  ],
  'tags that are not looked at': [
    wrong(({ open }) => ({
      open: (...packet) => open(...packet) || packet[3] >= 16,
    })),
    /forgery of .* opens/,
  ],
  'counters that lose their upper half': [
    wrong(({ seal, open }) => ({
      seal: (counter, ...packet) => seal(counter % 2 ** 32, ...packet),
      open: (counter, ...packet) => open(counter % 2 ** 32, ...packet),
    })),
    /vector of 0 bytes is sealed wrongly/,
  ],
  'writing behind the tag': [
    wrong(({ seal }) => ({
      seal(counter, memory, at, length) {
        seal(counter, memory, at, length);
        memory[at + length + 16] = 0;
      },
    })),
    /differs from OpenSSL/,
  ],
  'writing before the packet when it opens': [
    wrong(({ open }) => ({
      open(counter, memory, at, length) {
        if (at > 0) memory[at - 1] = 0;
        return open(counter, memory, at, length);
      },
    })),
    /writes beside/,
  ],
  'packets under a tag that open': [
    wrong(({ open }) => ({
      open: (...packet) => packet[3] < 16 || open(...packet),
    })),
    /less than a tag opens/,
  ],
  'a message of another counter that opens': [
    wrong(({ open }) => ({
      open: (counter, ...packet) => open(counter, ...packet) || open(counter - 1, ...packet),
    })),
    /open under another/,
  ],
  'a cipher that throws': [
    () => {
      throw new Error('out of contexts');
    },
    /out of contexts/,
  ],
};

test.each(Object.entries(faults))('%s is found', async (_what, [make, reason]) => {
  expect(cipherFault(make)).toMatch(reason);
  const choice = await chooseCipher(undefined, makers({ raw: () => make }));
  expect(choice).toMatchObject({ name: 'evp', rejected: [{ name: 'raw' }] });
});

test.each(CIPHER_NAMES)('%s: an erased cipher neither seals nor opens as before', async (name) => {
  const make = await tryCipher(name, CIPHER_MAKERS);
  if (typeof make !== 'function') return; // which ciphers must work is differential.test.ts's affair
  const key = new Uint8Array(32).fill(3);
  const cipher = make(key);
  const other = make(key);
  const memory = new Uint8Array(80);
  cipher.seal(1, memory, 0, 64);
  cipher.erase();
  cipher.erase();
  let opened = false;
  try {
    opened = cipher.open(1, memory.slice(), 0, 80);
  } catch {
    // refusing is as good
  }
  expect(opened).toBe(false);
  // The place of the erased key goes to the next one; others keep theirs.
  const next = make(new Uint8Array(32).fill(4));
  expect(next.open(1, memory.slice(), 0, 80)).toBe(false);
  expect(other.open(1, memory, 0, 80)).toBe(true);
});

test.each(['raw', 'evp'] as const)('%s refuses ranges outside the memory', async (name) => {
  const make = await tryCipher(name, CIPHER_MAKERS);
  if (typeof make !== 'function') return;
  const cipher = make(new Uint8Array(32));
  const memory = new Uint8Array(100);
  expect(() => cipher.seal(0, memory, 80, 5)).toThrow('the range is in the memory');
  expect(() => cipher.seal(0, memory, -1, 5)).toThrow('the range is in the memory');
  expect(() => cipher.open(0, memory, 90, 20)).toThrow('the range is in the memory');
  const gone = new Uint8Array(200);
  cipher.seal(0, gone, 0, 5);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  expect(() => cipher.seal(0, gone, 0, 5)).toThrow('the range is in the memory');
});
