import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isOurDirectory } from './kept-worlds.js';

const isRoot = process.geteuid?.() === 0;
let base = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'warren-kept-'));
});

afterEach(() => rmSync(base, { recursive: true }));

describe('records of worlds are believed', () => {
  const make = (mode: number): string => {
    const directory = join(base, 'records');
    mkdirSync(directory);
    chmodSync(directory, mode);
    return directory;
  };

  test('in a directory that is ours alone to write to', () => {
    expect(isOurDirectory(make(0o700))).toBe(true);
  });

  test.each([0o770, 0o777, 0o1777])('not where others may write (%o)', (mode) => {
    expect(isOurDirectory(make(mode))).toBe(false);
  });

  test('not where there is none, nor behind a link', () => {
    expect(isOurDirectory(join(base, 'nothing'))).toBe(false);
    symlinkSync(make(0o700), join(base, 'link'));
    expect(isOurDirectory(join(base, 'link'))).toBe(false);
  });

  test.skipIf(!isRoot)('not in a directory of somebody else', () => {
    const directory = make(0o700);
    chownSync(directory, 12_345, 12_345);
    expect(isOurDirectory(directory)).toBe(false);
  });
});
