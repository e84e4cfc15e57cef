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
  const base = {
    actual: 'direct' as const,
    fromAddresses: ['5.1.0.10'],
    toAddresses: ['192.168.1.10'],
    fromRemote: '5.1.0.10',
    toRemote: '5.2.0.20',
  };
  expect(methodOf(base)).toBe('open');
  expect(methodOf({ ...base, fromAddresses: ['192.168.7.10'] })).toBe('punch');
  expect(methodOf({ ...base, actual: 'relay' })).toBe('relay');
  expect(methodOf({ ...base, actual: 'none' })).toBeNull();
  const sameLan = {
    fromAddresses: ['192.168.1.9'],
    fromRemote: '192.168.1.9',
    toRemote: '192.168.1.10',
  };
  expect(methodOf({ ...base, ...sameLan })).toBe('lan');
});
