import { decodeHex, encodeHex } from '@warren/core/base/bytes';
import { expect, test } from 'vitest';

test('hex survives a round trip', () => {
  expect(encodeHex(decodeHex('00ff10Ab') ?? new Uint8Array())).toBe('00ff10ab');
});
