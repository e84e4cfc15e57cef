import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateLockedError } from '../errors.js';
import { lockDirectory } from './directory-lock.js';

const MODULE = fileURLToPath(new URL('../../dist/files/directory-lock.js', import.meta.url));

let parent: string;
let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'warren-lock-'));
  directory = join(parent, 'state');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(parent, { recursive: true });
});

/** Another process that takes the lock and keeps it. */
async function holder(): Promise<ChildProcess> {
  const script = `
    const { lockDirectory } = await import(${JSON.stringify(MODULE)});
    lockDirectory(${JSON.stringify(directory)});
    console.log('held');
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

test('another process is refused and told who has it', async () => {
  const child = await holder();
  expect(() => lockDirectory(directory)).toThrow(
    expect.objectContaining({
      code: 'STATE_LOCKED',
      message: `another process (${child.pid}) uses the state directory ${directory}`,
    }),
  );
});

test('a holder that is killed leaves nothing behind', async () => {
  const child = await holder();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = lockDirectory(directory);
  expect(lock.isReal).toBe(true);
  lock.release();
});

test('one process can’t take it twice, but again after a release', () => {
  const first = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(StateLockedError);
  first.release();
  first.release();
  lockDirectory(directory).release();
});

test('directory and file are private', () => {
  lockDirectory(directory).release();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'lock')).mode & 0o777).toBe(0o600);
});
