import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import { runSeed } from './run-seed.js';

/** A world takes a tenth of a second of an idle core; test runners and loaded machines take their share. */
const TIMEOUT_MS = 120_000;

function historyOf(seed: number): { readonly fingerprint: string; readonly lines: string[] } {
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
  };
  const { fingerprint } = runSeed({ seed, crypto: createNodeCrypto(), onLine });
  return { fingerprint, lines };
}

test('a seed has the same history every time, to the last line', { timeout: TIMEOUT_MS }, () => {
  const first = historyOf(6);
  expect(first.lines.length).toBeGreaterThan(200);
  expect(historyOf(6)).toEqual(first);
});

test('listening to a world does not change it', { timeout: TIMEOUT_MS }, () => {
  const silent = runSeed({ seed: 5, crypto: createNodeCrypto() });
  expect(historyOf(5).fingerprint).toBe(silent.fingerprint);
});
