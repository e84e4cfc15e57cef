/** docs/answers.md names tests by words of their names: they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const text = readFileSync(new URL('docs/answers.md', root), 'utf8');
/** A test's file, or words between quotes. */
const NAMED = /`([^`]+\.test\.ts)`|"([^"]+)"/g;

/** Every file that a row names, and after it the words of tests in it. */
function namedTests(): { readonly file: string; readonly words: string }[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => {
      let file = '';
      const shown = line.split('|').at(-2) ?? '';
      return [...shown.matchAll(NAMED)].flatMap(([, path, words = '']) => {
        if (path !== undefined) file = path;
        return file === '' ? [] : [{ file, words }];
      });
    });
}

test('every test that an answer names exists', () => {
  const named = namedTests();
  expect(named.length).toBeGreaterThan(100);
  const missing = named.filter(({ file, words }) => {
    const path = file.startsWith('packages/') ? file : `packages/core/src/${file}`;
    const url = new URL(path, root);
    return !existsSync(url) || !plain(readFileSync(url, 'utf8')).includes(plain(words));
  });
  expect(missing).toEqual([]);
});

/** Quotation marks as one types them. */
function plain(of: string): string {
  return of.replaceAll('’', "'").replaceAll("\\'", "'");
}
