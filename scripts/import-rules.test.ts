/**
 * The import rules only protect what they see: this checks that the rule run saw every module of every
 * package, that every rule is about something, and that a forbidden import is really refused.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly rule: { readonly name: string };
    }[];
    readonly ruleSetUsed: {
      readonly forbidden: readonly {
        readonly name: string;
        readonly from: { readonly path?: string };
      }[];
    };
  };
}

function cruise(directory: string): Report {
  const argv = [
    depcruise,
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    'packages',
  ];
  try {
    return JSON.parse(
      execFileSync(process.execPath, argv, {
        cwd: directory,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      }),
    ) as Report;
  } catch (error) {
    // It exits with the number of violations and still prints the report.
    return JSON.parse((error as { readonly stdout: string }).stdout) as Report;
  }
}

test('the rules saw every module and found nothing forbidden', { timeout: 60_000 }, () => {
  const report = cruise(root);
  const seen = new Set(report.modules.map((module) => module.source));
  const modules = execFileSync(
    'git',
    ['ls-files', 'packages/*/src/*.ts', 'packages/*/src/**/*.ts'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  const missing = modules
    .trim()
    .split('\n')
    .filter((file) => !seen.has(file));
  expect(missing).toEqual([]);
  expect(report.summary.violations).toEqual([]);
  for (const rule of report.summary.ruleSetUsed.forbidden) {
    const { path } = rule.from;
    if (path === undefined) continue;
    expect(
      [...seen].some((file) => new RegExp(path).test(file)),
      `${rule.name} matches nothing`,
    ).toBe(true);
  }
});

test('an upward import, a machine that imports a machine, Node in core, an oracle that knows the engine are refused', {
  timeout: 60_000,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'warren-rules-'));
  try {
    const write = (file: string, text: string): void => {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), text);
    };
    cpSync(join(root, '.dependency-cruiser.cjs'), join(directory, '.dependency-cruiser.cjs'));
    write('tsconfig.tests.json', '{"compilerOptions":{"module":"nodenext"}}');
    write('packages/core/src/wireguard/device.ts', 'export const device = 1;\n');
    write('packages/core/src/paths/peer.ts', "export { device } from '../wireguard/device.js';\n");
    write(
      'packages/core/src/base/clock.ts',
      "import { performance } from 'node:perf_hooks';\nexport const now = () => performance.now();\n",
    );
    write('packages/shell/src/log.ts', 'export const log = 1;\n');
    write('packages/core/src/stun/log.ts', "export { log } from '../../../shell/src/log.js';\n");
    write('packages/sim/src/matrix/profile.ts', 'export interface Profile {}\n');
    write(
      'packages/sim/src/matrix/oracle.ts',
      "export type { Profile } from './profile.js';\nexport { device } from '@warren/core/wireguard/device';\n",
    );
    const broken = new Map(
      cruise(directory).summary.violations.map((violation) => [
        violation.from,
        violation.rule.name,
      ]),
    );
    expect(broken.get('packages/core/src/paths/peer.ts')).toBe('core-paths');
    expect(broken.get('packages/core/src/base/clock.ts')).toBe('core-has-no-node');
    expect(broken.get('packages/core/src/stun/log.ts')).toBe('package-core');
    expect(broken.get('packages/sim/src/matrix/oracle.ts')).toBe('the-oracle-stands-alone');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('core compiles without Node types', () => {
  const shown = execFileSync('npx', ['tsc', '--showConfig', '-p', 'packages/core'], {
    cwd: root,
    encoding: 'utf8',
  });
  const config = JSON.parse(shown) as {
    readonly compilerOptions: {
      readonly types: readonly string[];
      readonly lib: readonly string[];
    };
  };
  expect(config.compilerOptions.types).toEqual([]);
  expect(config.compilerOptions.lib).toEqual(['es2023']);
});
