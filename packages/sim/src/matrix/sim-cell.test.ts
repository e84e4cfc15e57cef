/** A few cells, each another way to be direct; all of them run in whole-matrix.system.test.ts. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test, vi } from 'vitest';
import { profileNamed } from './profiles.js';
import { runSimCell } from './sim-cell.js';

// Each a second of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

test.each([
  ['public', 'hard', 'direct', 'open'],
  ['easy', 'carrier-easy', 'direct', 'punch'],
  ['hard', 'hard-natpmp', 'direct', 'portmap'],
  ['hard', 'hard-balancer', 'direct', 'static'],
  ['dual-stack', 'ipv6-only', 'direct', 'ipv6'],
  ['public', 'nat64', 'direct', 'ipv6'],
  ['easy', 'nat64', 'direct', 'ipv6'],
  ['hard', 'nat64', 'direct', 'ipv6'],
  ['easy', 'sequential', 'direct', 'predict'],
  ['hard', 'hard', 'relay', 'relay'],
  ['public', 'udp-blocked', 'relay', 'relay'],
])('%s and %s: %s by %s', (leftName, rightName, actual, method) => {
  const [left, right] = [profileNamed(leftName), profileNamed(rightName)];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const outcome = runSimCell({ left, right }, { crypto: createNodeCrypto() });
  expect(outcome).toMatchObject({ actual, method, problems: [] });
  expect(outcome.firstReplyMs).toBeGreaterThan(0);
  if (actual === 'relay') expect(outcome.relayDataFramesDuringTransfer).toBeGreaterThan(100);
  else expect(outcome.latencyMs).toBeCloseTo(outcome.wireRttMs, 0);
});
