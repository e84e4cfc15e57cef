import { expect, test } from 'vitest';
import { renderRunning, renderVisit } from './up-lines.js';

test('the login address stands alone on an indented line', () => {
  expect(renderVisit('https://hub.example.net/register/abc').split('\n')).toEqual([
    '',
    'To authenticate, visit:',
    '',
    '\thttps://hub.example.net/register/abc',
    '',
  ]);
});

test('success names the machine and its addresses', () => {
  const addresses = ['100.64.0.2', 'fd7a:115c:a1e0::2'];
  expect(renderRunning({ event: 'running', name: 'desk.warren.internal.', addresses })).toBe(
    'Success. desk.warren.internal is up: 100.64.0.2, fd7a:115c:a1e0::2',
  );
});
