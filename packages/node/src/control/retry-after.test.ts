import { expect, test } from 'vitest';
import { readRetryAfter } from './retry-after.js';

const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5);

test.each([
  ['60', 60_000],
  ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
  ['0', undefined],
  ['-5', undefined],
  ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
  ['soon', undefined],
  ['99999999999999999999', undefined],
  [undefined, undefined],
])('%j is %j ms', (header, waitMs) => {
  expect(readRetryAfter(header, wallMs)).toBe(waitMs);
});
