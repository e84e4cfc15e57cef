import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileError } from '../errors.js';
import {
  createFileAtomic,
  ensureDirectory,
  keepAside,
  loadOrCreate,
  readFileIfPresent,
  readFileStrict,
  readStateFile,
  type StateFile,
  writeFileAtomic,
} from './atomic-file.js';

let directory = '';
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-files-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const at = (name: string): string => path.join(directory, name);

function thrown(run: () => unknown): FileError {
  try {
    run();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const numberFile = (onCorrupt: 'refuse' | 'keep-aside'): StateFile<number> => ({
  path: at('number'),
  what: 'the number',
  parse: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
  onCorrupt,
});

describe('writing', () => {
  test('replaces content, sets mode 0600 whatever the umask, and leaves no temporary file', () => {
    const before = process.umask(0o277);
    try {
      writeFileAtomic(at('state'), 'old');
      writeFileAtomic(at('state'), 'new');
    } finally {
      process.umask(before);
    }
    expect(fs.readFileSync(at('state'), 'utf8')).toBe('new');
    expect(fs.statSync(at('state')).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(directory)).toEqual(['state']);
  });

  test('into a missing directory says so', () => {
    const error = thrown(() => writeFileAtomic(at('no/such/state'), 'x'));
    expect(error.code).toBe('FILE_UNWRITABLE');
    expect(error.hint).toContain('directory does not exist');
  });

  test('onto a directory fails and leaves no temporary file', () => {
    fs.mkdirSync(at('state'));
    expect(thrown(() => writeFileAtomic(at('state'), 'x')).code).toBe('FILE_UNWRITABLE');
    expect(fs.readdirSync(directory)).toEqual(['state']);
  });

  test('creating never replaces', () => {
    expect(createFileAtomic(at('identity'), 'mine')).toBe(true);
    expect(createFileAtomic(at('identity'), 'yours')).toBe(false);
    expect(fs.readFileSync(at('identity'), 'utf8')).toBe('mine');
    expect(fs.readdirSync(directory)).toEqual(['identity']);
  });
});

describe('reading', () => {
  test('tells missing from unreadable', () => {
    expect(readFileIfPresent(at('absent'))).toBeUndefined();
    expect(thrown(() => readFileStrict(at('absent'), 'the key')).code).toBe('FILE_MISSING');
    expect(thrown(() => readFileIfPresent(directory)).code).toBe('FILE_UNREADABLE');
  });

  test('refuses a corrupt identity and leaves it untouched', () => {
    fs.writeFileSync(at('number'), 'rubbish');
    const error = thrown(() => readStateFile(numberFile('refuse')));
    expect(error.code).toBe('FILE_CORRUPT');
    expect(error.message).toContain('the number');
    expect(fs.readFileSync(at('number'), 'utf8')).toBe('rubbish');
  });

  test('keeps corrupt files aside under fresh names', () => {
    for (const rubbish of ['one', 'two']) {
      fs.writeFileSync(at('number'), rubbish);
      expect(readStateFile(numberFile('keep-aside'))).toBeUndefined();
    }
    expect(fs.readFileSync(at('number.corrupt-1'), 'utf8')).toBe('one');
    expect(fs.readFileSync(at('number.corrupt-2'), 'utf8')).toBe('two');
    expect(fs.existsSync(at('number'))).toBe(false);
  });

  test('an identity is made once and read afterwards', () => {
    let made = 0;
    const load = (): number => loadOrCreate(numberFile('refuse'), () => 40 + ++made, String);
    expect([load(), load(), made]).toEqual([41, 41, 1]);
  });
});

test('what is kept aside twice never overwrites the first copy', () => {
  writeFileAtomic(at('a'), '1');
  expect(keepAside(at('a'), 'replaced')).toBe(at('a.replaced-1'));
  writeFileAtomic(at('a'), '2');
  expect(keepAside(at('a'), 'replaced')).toBe(at('a.replaced-2'));
  expect(fs.readFileSync(at('a.replaced-1'), 'utf8')).toBe('1');
});

test('a state directory is private', () => {
  ensureDirectory(at('x/y'));
  expect(fs.statSync(at('x/y')).mode & 0o777).toBe(0o700);
  fs.writeFileSync(at('file'), '');
  expect(thrown(() => ensureDirectory(at('file/y'))).hint).toContain('not a directory');
});
