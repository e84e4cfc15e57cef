/**
 * The launcher and scripts/ensure-built.sh, run for real (bash, npm, flock) on a checkout of one tiny
 * package whose build writes down that it ran.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Copies src/main.js to dist, notes the run, and takes long enough to be raced. */
const BUILD = `
const fs = require('fs');
fs.appendFileSync('builds.log', 'build\\n');
if (fs.existsSync('packages/cli/src/broken.ts')) { console.error('broken.ts: no'); process.exit(2); }
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
fs.mkdirSync('packages/cli/dist', { recursive: true });
fs.copyFileSync('packages/cli/src/main.js', 'packages/cli/dist/main.js');
`;
const MAIN = `
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd() }));
process.exitCode = Number(process.env.WANTED_CODE ?? 0);
`;

let dir: string;
let root: string;

function write(path: string, content: string): void {
  writeFileSync(join(root, path), content);
}

/** One checkout as cloned and one as built; every test works on a copy. */
let templates: string;

beforeAll(async () => {
  templates = mkdtempSync(join(tmpdir(), 'warren-launcher-'));
  root = join(templates, 'cloned');
  mkdirSync(join(root, 'packages/cli/src'), { recursive: true });
  mkdirSync(join(root, 'scripts'));
  for (const file of [
    'ensure-built.sh',
    'ensure-built.mjs',
    'node-headers.mjs',
    'same-packages.mjs',
  ]) {
    cpSync(join(repository, 'scripts', file), join(root, 'scripts', file));
  }
  cpSync(join(repository, 'warren'), join(root, 'warren'));
  const scripts = { build: 'node build.cjs' };
  const manifest = { name: 'tiny', version: '1.0.0', workspaces: ['packages/cli'], scripts };
  write('package.json', JSON.stringify(manifest));
  write('packages/cli/package.json', '{"name":"@tiny/cli","version":"1.0.0","type":"commonjs"}');
  write('packages/cli/tsconfig.json', '{}');
  write('tsconfig.json', '{}');
  write('tsconfig.base.json', '{}');
  write('build.cjs', BUILD);
  write('packages/cli/src/main.js', MAIN);
  execFileSync('npm', ['install', '--package-lock-only', '--offline'], {
    cwd: root,
    stdio: 'ignore',
  });
  execFileSync('cp', ['-a', root, join(templates, 'built')]);
  root = join(templates, 'built');
  expect((await launch()).code).toBe(0);
});
afterAll(() => rmSync(templates, { recursive: true }));

/** cp keeps times to the nanosecond, which decide what is stale. */
function checkout(template: 'cloned' | 'built'): void {
  execFileSync('cp', ['-a', join(templates, template), root]);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-launcher-'));
  root = join(dir, 'a checkout');
});
afterEach(() => rmSync(dir, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(
  program: string,
  args: readonly string[],
  cwd = dir,
  environment: Record<string, string> = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // Logs of failures stay on purpose: here they go with the test.
    const env = { ...process.env, npm_config_offline: 'true', TMPDIR: dir, ...environment };
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const launch = (...args: string[]) => run(join(root, 'warren'), args);
const builds = () => readFileSync(join(root, 'builds.log'), 'utf8').trim().split('\n').length;

test('a fresh checkout is installed and built, then the command runs with its arguments', async () => {
  checkout('cloned');
  const { code, out, err } = await run(join(root, 'warren'), ['up', 'a b', '*', ''], dir, {
    WANTED_CODE: '3',
  });
  expect(err).toMatch(
    /^warren: installing .*\nwarren: building \.\.\.\nwarren: ready after \d+ s\n$/,
  );
  expect(JSON.parse(out)).toEqual({ args: ['up', 'a b', '*', ''], cwd: dir });
  expect(code).toBe(3);
});

describe('on a built checkout', () => {
  beforeEach(() => checkout('built'));

  test('nothing is said and nothing built', async () => {
    const { code, err } = await launch();
    expect({ code, err, builds: builds() }).toEqual({ code: 0, err: '', builds: 1 });
  });

  test('symbolic links lead to it, relative ones too', async () => {
    mkdirSync(join(dir, 'bin'));
    symlinkSync('../a checkout/warren', join(dir, 'bin/inner'));
    symlinkSync(join(dir, 'bin/inner'), join(dir, 'warren'));
    const { code, out } = await run(join(dir, 'warren'), ['x'], '/');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ args: ['x'], cwd: '/' });
  });

  test.each([
    ['a changed source', () => write('packages/cli/src/main.js', `${MAIN}//`)],
    ['a new source', () => write('packages/cli/src/new.ts', '')],
    ['a removed source', () => rmSync(join(root, 'packages/cli/src/main.js'), { force: true })],
    ['a missing dist', () => rmSync(join(root, 'packages/cli/dist'), { recursive: true })],
    ['a changed configuration', () => write('tsconfig.base.json', '{ }')],
    ['a missing stamp', () => rmSync(join(root, '.warren-built'))],
  ])('%s is built, without a new installation', async (_name, change) => {
    change();
    const { err } = await launch();
    expect(builds()).toBe(2);
    expect(err).not.toContain('installing');
  });

  test('a changed test is not built', async () => {
    write('packages/cli/src/x.test.ts', '');
    await launch(); // a file was added
    expect(builds()).toBe(2);
    write('packages/cli/src/x.test.ts', '//');
    await launch();
    expect(builds()).toBe(2);
  });

  test('a lock file that is only newer costs nothing, one that asks for more is installed', async () => {
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(root, 'package-lock.json'), later, later);
    expect((await launch()).err).toBe('');

    // As after a pull: the lock file of a checkout that has one package more.
    const other = join(dir, 'other');
    execFileSync('cp', ['-a', join(templates, 'cloned'), other]);
    mkdirSync(join(other, 'leaf'));
    writeFileSync(join(other, 'leaf/package.json'), '{"name":"leaf","version":"1.0.0"}');
    execFileSync('npm', ['pack', '--silent'], { cwd: join(other, 'leaf') });
    execFileSync('npm', ['install', '--package-lock-only', '--offline', './leaf/leaf-1.0.0.tgz'], {
      cwd: other,
      stdio: 'ignore',
    });
    for (const path of ['package.json', 'package-lock.json', 'leaf']) {
      cpSync(join(other, path), join(root, path), { recursive: true });
    }
    const muchLater = new Date(Date.now() + 120_000);
    utimesSync(join(root, 'package-lock.json'), muchLater, muchLater);
    expect((await launch()).err).toContain('installing');
    expect(readFileSync(join(root, 'node_modules/leaf/package.json'), 'utf8')).toContain('leaf');
    expect((await launch()).err).toBe('');
  });

  test('a failing build shows its last words, and the next try builds again', async () => {
    write('packages/cli/src/broken.ts', '');
    const failed = await launch();
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('broken.ts: no');
    expect(failed.err).toContain('error: the build failed\n  hint: ');
    expect(failed.out).toBe('');
    rmSync(join(root, 'packages/cli/src/broken.ts'));
    expect((await launch()).code).toBe(0);
  });

  test('the tests’ entrance decides the same', async () => {
    const ensure = () => run(process.execPath, [join(root, 'scripts/ensure-built.mjs')]);
    expect(await ensure()).toMatchObject({ code: 0, err: '' });
    appendFileSync(join(root, 'packages/cli/src/main.js'), '//');
    expect((await ensure()).err).toContain('building');
    expect(builds()).toBe(2);
  });
});

test('of several at once, one builds and the others wait', async () => {
  checkout('built');
  appendFileSync(join(root, 'packages/cli/src/main.js'), '//');
  const outcomes = await Promise.all([launch(), launch(), launch()]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(builds()).toBe(2);
  expect(outcomes.filter(({ err }) => err.includes('waiting'))).toHaveLength(2);
});

test('a failing installation shows npm’s last words', async () => {
  checkout('cloned');
  write(
    'packages/cli/package.json',
    '{"name":"@tiny/cli","version":"1.0.0","dependencies":{"no-such":"1"}}',
  );
  const { code, err } = await launch();
  expect(code).toBe(1);
  expect(err).toMatch(/npm (error|ERR!)/);
  expect(err).toContain('error: installing the npm packages failed');
});

test('an old Node.js is refused with the way to a newer one', async () => {
  checkout('cloned');
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'node'), '#!/bin/sh\necho v20.18.3\n', { mode: 0o755 });
  const { code, err } = await run(join(root, 'warren'), [], dir, {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
  });
  expect(code).toBe(1);
  expect(err).toMatch(
    /needs Node.js 20\.19 or newer, and this is 20\.18\.3\n {2}hint: .*nodejs\.org/,
  );
});
