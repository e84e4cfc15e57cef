import { expect, test } from 'vitest';
import { renderRunning, renderVisit } from './up-lines.js';

test('the login address stands alone on an indented line, then what to compare', () => {
  const visit = {
    url: 'https://hub.example.net/register/abc',
    fingerprint: '244f e3b9 63e8 99dd 295b affc',
  };
  expect(renderVisit(visit).split('\n')).toEqual([
    '',
    'To authenticate, visit:',
    '',
    '\thttps://hub.example.net/register/abc',
    '',
    "This machine's key begins with 244f e3b9 63e8 99dd 295b affc; the page of a Warren hub shows the same.",
    '',
  ]);
});

test('success names the machine and its addresses', () => {
  const addresses = ['100.64.0.2', 'fd7a:115c:a1e0::2'];
  expect(renderRunning({ event: 'running', name: 'desk.warren.internal.', addresses })).toBe(
    'Success. desk.warren.internal is up: 100.64.0.2, fd7a:115c:a1e0::2',
  );
});
