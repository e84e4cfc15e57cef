import { defineConfig } from 'vitest/config';

/**
 * Four rings. `unit` needs nothing; `system` starts processes on loopback; `lab` needs Linux namespaces;
 * `interop` needs the real peers from Debian's packages, inside namespaces. Test files name their ring:
 * x.test.ts, x.system.test.ts, x.lab.test.ts, x.interop.test.ts.
 */
const ssr = { resolve: { conditions: ['source', 'node', 'import', 'default'] } };

export default defineConfig({
  test: {
    // Half of what the tests do is waiting: by default two cores would get one worker.
    maxWorkers: 3,
    projects: [
      {
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: ['**/*.{system,lab,interop}.test.ts', '**/node_modules/**', '**/dist/**'],
          testTimeout: 20_000,
        },
      },
      {
        ssr,
        test: {
          name: 'system',
          include: ['packages/*/src/**/*.system.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ssr,
        test: {
          name: 'lab',
          include: ['packages/*/src/**/*.lab.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        ssr,
        test: {
          name: 'interop',
          include: ['packages/*/src/**/*.interop.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
