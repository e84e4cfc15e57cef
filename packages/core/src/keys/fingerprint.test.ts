import { expect, test } from 'vitest';
import { keyFingerprint } from './fingerprint.js';
import type { NodeKey } from './keys.js';

test('the first 24 digits of a key, in groups', () => {
  const key = '244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49' as NodeKey;
  expect(keyFingerprint(key)).toBe('244f e3b9 63e8 99dd 295b affc');
});
