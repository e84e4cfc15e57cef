import { expect, test } from 'vitest';
import { printable } from './printable.js';

test('escape sequences, line breaks and direction overrides of other machines are shown as ?', () => {
  expect(printable('a\u001b[31mb')).toBe('a?[31mb');
  expect(printable('a\r\nb\tc\u007f')).toBe('a??b?c?');
  expect(printable('a\u009b2Jb')).toBe('a?2Jb');
  expect(printable('a\u202egnp.exe')).toBe('a?gnp.exe');
});

test('names in any script stay', () => expect(printable('Büro-日本 – ok')).toBe('Büro-日本 – ok'));
