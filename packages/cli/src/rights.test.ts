import { expect, test } from 'vitest';
import { firstFreePort, hasCapability, sudoArguments } from './rights.js';

test('capabilities are bits of CapEff', () => {
  const status = (mask: string) => `Name:\tnode\nCapPrm:\tffffffffffffffff\nCapEff:\t${mask}\n`;
  expect(hasCapability(status('0000000000001000'), 12n)).toBe(true);
  expect(hasCapability(status('0000000000001000'), 10n)).toBe(false);
  expect(hasCapability(status('000001ffffffffff'), 12n)).toBe(true);
  expect(hasCapability(status('0000000000000000'), 12n)).toBe(false);
  expect(hasCapability('', 12n)).toBe(false);
});

test('the first port for everybody is what the kernel says, 1024 when it says nothing', () => {
  expect(firstFreePort('80\n')).toBe(80);
  expect(firstFreePort('0\n')).toBe(0);
  expect(firstFreePort('')).toBe(1024);
});

test('sudo runs the same command and keeps variables by name, never by value', () => {
  const invocation = {
    execPath: '/usr/bin/node',
    execArgs: ['--enable-source-maps'],
    script: '/opt/warren/main.js',
    args: ['up', '--hostname', 'a b'],
  };
  expect(sudoArguments(invocation, { WARREN_AUTH_KEY: 'secret', PATH: '/bin' })).toEqual([
    '--preserve-env=WARREN_AUTH_KEY',
    '--',
    '/usr/bin/node',
    '--enable-source-maps',
    '/opt/warren/main.js',
    'up',
    '--hostname',
    'a b',
  ]);
  expect(sudoArguments(invocation, {})[0]).toBe('--');
});
