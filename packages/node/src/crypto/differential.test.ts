/**
 * The ciphers that come from outside Node's interface against node:crypto, 100,000 random packets each; on the
 * version of Node that runs this test.
 */
import { expect, test } from 'vitest';
import { webAssembly } from '../plane/web-assembly.js';
import { tryCipher } from './choose-cipher.js';
import { differentialFault } from './cipher-check.js';

const PACKETS = 100_000;
const SEED = Number(process.env['WARREN_SEED'] ?? 0x20_8439);
/** A minute is plenty on a machine with much else to do. */
const TIMEOUT_MS = 180_000;

/** Where official builds are known to have both; elsewhere that one is missing is a fact, no fault. */
const IS_EXPECTED = process.platform === 'linux' && process.arch === 'x64';

test.each(['raw', 'evp'] as const)('%s', { timeout: TIMEOUT_MS }, async (name) => {
  const make = await tryCipher(name);
  if (typeof make !== 'function') {
    expect(IS_EXPECTED, make.reason).toBe(false);
    return;
  }
  const place = new webAssembly.Memory({ initial: 1, maximum: 1 });
  expect(differentialFault(make, PACKETS / 2, SEED)).toBeUndefined();
  // The data plane's memory is WebAssembly's.
  const memory = new Uint8Array(place.buffer);
  expect(differentialFault(make, PACKETS / 2, SEED + 1, memory)).toBeUndefined();
});
