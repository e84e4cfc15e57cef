/** Where koffi is not installed, or has no build: in a process of its own, so that nobody has loaded it before. */
import { expect, test, vi } from 'vitest';
import { chooseCipher } from '../crypto/choose-cipher.js';
import { chooseIo } from '../plane/choose-io.js';
import type { OpenIo } from '../plane/plane-io.js';
import { loadLibc } from './libc.js';

vi.mock('koffi', () => {
  throw new Error('no such package');
});

const nothing = {} as Parameters<OpenIo>[1];
const data = { tunName: 'never', mtuBytes: 1_280 } as Parameters<OpenIo>[0];

test('what every daemon does at its start says what is missing', async () => {
  await expect(loadLibc()).rejects.toMatchObject({ code: 'FFI_MISSING' });
});

test.each([undefined, 'portable', 'plain'])('no data plane opens: %s', async (way) => {
  const open = chooseIo({ WARREN_DATA_PLANE: way });
  await expect(open(data, nothing)).rejects.toMatchObject({ code: 'FFI_MISSING' });
});

test('packets would go through node:crypto', async () => {
  expect(await chooseCipher(undefined)).toMatchObject({
    name: 'node',
    rejected: [{ name: 'raw' }, { name: 'evp' }],
  });
});
