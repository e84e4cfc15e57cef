import { expect, test } from 'vitest';
import { judge, methodOf } from './verdict.js';

test('direct needs both: the round trip of the wires and silent relays', () => {
  expect(judge({ bestRttMs: 64, wireRttMs: 62, relayDataFrames: 0 })).toBe('direct');
  expect(judge({ bestRttMs: 64, wireRttMs: 62, relayDataFrames: 1 })).toBe('relay');
  expect(judge({ bestRttMs: 3, wireRttMs: 0.2, relayDataFrames: 0 })).toBe('direct');
  // The relay in the same region costs two access links of 15 ms.
  expect(judge({ bestRttMs: 31, wireRttMs: 0.2, relayDataFrames: 1500 })).toBe('relay');
});

test('what is not proven is neither direct nor relayed', () => {
  expect(judge({ bestRttMs: 69, wireRttMs: 62, relayDataFrames: 0 })).toBe('none');
  expect(judge({ bestRttMs: 31, wireRttMs: 0.2, relayDataFrames: 0 })).toBe('none');
  expect(judge({ bestRttMs: null, wireRttMs: 62, relayDataFrames: 0 })).toBe('none');
  expect(judge({ bestRttMs: 62, wireRttMs: 62, relayDataFrames: null })).toBe('none');
});

test('the method follows from the addresses in use', () => {
  const open = { addresses: ['5.1.0.10'], configured: [], remote: '5.1.0.10' };
  const behind = { addresses: ['192.168.1.10'], configured: [], remote: '5.2.0.20' };
  const balanced = { addresses: ['10.0.3.10'], configured: ['5.3.0.31'], remote: '5.3.0.31' };
  const actual = 'direct' as const;
  expect(methodOf({ actual, from: open, to: behind })).toBe('open');
  expect(methodOf({ actual, from: behind, to: open })).toBe('open');
  expect(methodOf({ actual, from: behind, to: behind })).toBe('punch');
  expect(methodOf({ actual, from: behind, to: balanced })).toBe('static');
  expect(methodOf({ actual, from: balanced, to: open })).toBe('open');
  const byNat = { ...balanced, remote: '5.3.0.30' };
  expect(methodOf({ actual, from: behind, to: byNat })).toBe('punch');
  expect(methodOf({ actual: 'relay', from: open, to: behind })).toBe('relay');
  expect(methodOf({ actual: 'none', from: open, to: behind })).toBeNull();
  const here = { addresses: ['192.168.1.9'], configured: [], remote: '192.168.1.9' };
  expect(methodOf({ actual, from: here, to: { ...behind, remote: '192.168.1.10' } })).toBe('lan');
  expect(methodOf({ actual, from: open, to: { ...behind, remote: null } })).toBe('open');
});

test('a port that a router maps, and IPv6, are methods of their own', () => {
  const behind = { addresses: ['192.168.1.10'], configured: [], remote: '5.2.0.20' };
  const mapped = { ...behind, mapped: true };
  const actual = 'direct' as const;
  expect(methodOf({ actual, from: behind, to: mapped })).toBe('portmap');
  expect(methodOf({ actual, from: { ...behind, mapped: false }, to: behind })).toBe('punch');
  expect(methodOf({ actual, from: behind, to: { ...behind, foretold: true } })).toBe('predict');
  expect(methodOf({ actual, from: mapped, to: { ...behind, foretold: true } })).toBe('predict');
  const balanced = { addresses: ['10.0.3.10'], configured: ['5.3.0.31'], remote: '5.3.0.31' };
  expect(methodOf({ actual, from: balanced, to: { ...behind, foretold: true } })).toBe('static');
  const firewalled = { addresses: ['5.1.0.10'], configured: [], remote: '5.1.0.10' };
  expect(methodOf({ actual, from: firewalled, to: { ...behind, foretold: true } })).toBe('predict');
  const guessed = { ...behind, foretold: true, guessed: true };
  expect(methodOf({ actual, from: { ...behind, foretold: true }, to: guessed })).toBe('birthday');
  const six = { addresses: ['2a02::1'], configured: [], remote: '2a02::1' };
  expect(methodOf({ actual, from: six, to: { ...behind, remote: '2a02::2' } })).toBe('ipv6');
});
