import { nobleCrypto } from '@warren/core/crypto/noble';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test, vi } from 'vitest';
import { runScenario } from './run-scenario.js';
import { scenarios } from './scenarios.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
  '%s is as it should be',
  (_name, scenario) => {
    expect(runScenario(scenario, { crypto: createNodeCrypto() }).breaks).toEqual([]);
  },
);

test('native and pure cryptography give the same history', () => {
  const [scenario] = scenarios;
  if (scenario === undefined) throw new Error('there are scenarios');
  const pure = runScenario(scenario, { crypto: nobleCrypto });
  const native = runScenario(scenario, { crypto: createNodeCrypto() });
  expect(pure.fingerprint).toBe(native.fingerprint);
});
