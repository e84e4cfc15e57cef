import { expect, test } from 'vitest';
import { loadPart } from './optional-package.js';

test('a package that is not installed is named, with what to do', async () => {
  const missing: string = '@warren/not-installed';
  const error = await loadPart(missing, () => import(missing)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'PACKAGE_MISSING',
    message: expect.stringContaining(missing) as string,
    hint: expect.stringContaining('./warren') as string,
  });
});

test('what is there comes through, and its own errors too', async () => {
  const { WarrenError } = await loadPart('@warren/core', () => import('@warren/core/base/errors'));
  expect(new WarrenError('X', '', '').code).toBe('X');
  const failure = new TypeError('at load');
  await expect(loadPart('x', () => Promise.reject(failure))).rejects.toBe(failure);
});
