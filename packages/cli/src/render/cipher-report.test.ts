import type { CipherReport } from '@warren/node/crypto/cipher-report';
import { expect, test } from 'vitest';
import { renderCiphers } from './cipher-report.js';

const report: CipherReport = {
  chosen: 'evp',
  isForced: false,
  node: 'v20.20.2',
  openssl: '3.0.19',
  packetBytes: 1_420,
  ciphers: [
    { name: 'raw', reason: "Cannot find function 'ChaCha20_ctr32'" },
    { name: 'evp', sealNs: 1_500, openNs: 1_340 },
    { name: 'node', sealNs: 8_000, openNs: 8_000 },
  ],
};

test('the choice, the speed of each, and why another was not taken', () => {
  expect(renderCiphers(report)).toEqual([
    'Packets go through evp (the first that is right).',
    'cipher  seals in  opens in  speed       what',
    '  raw   -         -         -           inner functions of the OpenSSL in Node',
    "  evp   1500 ns   1340 ns   8.0 Gbit/s  OpenSSL's public interface",
    '  node  8000 ns   8000 ns   1.4 Gbit/s  node:crypto',
    "raw is not used: Cannot find function 'ChaCha20_ctr32'",
    'Packets of 1420 bytes on one core; Node v20.20.2, OpenSSL 3.0.19.',
  ]);
});

test('a choice by the environment, and none', () => {
  expect(renderCiphers({ ...report, isForced: true })[0]).toBe(
    'Packets go through evp (as WARREN_CRYPTO asks).',
  );
  expect(renderCiphers({ ...report, chosen: undefined })[0]).toBe(
    'No cipher is usable: packets would not be carried.',
  );
});
