/** The lock file fits every registry and every platform. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      { readonly resolved?: string; readonly optionalDependencies?: Record<string, string> }
    >
  >;
}

const lock = JSON.parse(
  readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'),
) as Lock;

test('it names no registry: `npm run lock` takes the addresses out', () => {
  const addresses = Object.values(lock.packages).filter((entry) =>
    /^https?:/.test(entry.resolved ?? ''),
  );
  expect(addresses).toEqual([]);
});

test('it holds the optional packages of all platforms, or `npm ci` refuses it', () => {
  const missing = Object.values(lock.packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter(
      (name) => !Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)),
    );
  expect(missing).toEqual([]);
});
