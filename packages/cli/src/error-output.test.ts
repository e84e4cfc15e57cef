import { BugError } from '@warren/core/base/assert';
import { WarrenError } from '@warren/core/base/errors';
import { FileError } from '@warren/shell/errors';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { failureOf, showFailure } from './error-output.js';
import { CliError, RightsError } from './errors.js';
import { Terminal } from './terminal.js';

function shown(error: unknown, options = { json: false, debug: false }): [string, string] {
  let out = '';
  let err = '';
  const terminal = new Terminal(
    {
      write: (text) => {
        out += text;
      },
    },
    {
      write: (text) => {
        err += text;
      },
    },
    {},
  );
  showFailure(failureOf(error, 'warren ping'), terminal, options);
  return [out, err];
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`listen ${code}: 0.0.0.0:443`), { code, syscall: 'listen' });
}

test('people read what happened, its code, and what to do', () => {
  expect(shown(new CliError('PEER_UNKNOWN', 'no machine is called x', 'see status'))).toEqual([
    '',
    'error: no machine is called x (PEER_UNKNOWN)\n  hint: see status\n',
  ]);
});

test('scripts read one line of JSON on stdout, and nothing on stderr', () => {
  const [out, err] = shown(new CliError('PEER_UNKNOWN', 'm', 'h'), { json: true, debug: false });
  expect(JSON.parse(out)).toEqual({ error: { code: 'PEER_UNKNOWN', message: 'm', hint: 'h' } });
  expect(out.endsWith('}\n')).toBe(true);
  expect(err).toBe('');
});

test('what a server says cannot drive the terminal, but may have lines', () => {
  const [, err] = shown(new WarrenError('LOGIN_REFUSED', 'a\u001b[2Jb\nc', '\u0007'));
  expect(err).toBe('error: a?[2Jb\nc (LOGIN_REFUSED)\n  hint: ?\n');
});

describe('exit codes', () => {
  const exitCode = (error: unknown) => failureOf(error, 'warren').exitCode;

  test('a wrong line is 64', () => {
    expect(exitCode(new CommanderError(1, 'commander.unknownOption', 'error: x'))).toBe(64);
  });
  test('no daemon and no server are 69', () => {
    expect(exitCode(new CliError('DAEMON_ABSENT', '', ''))).toBe(69);
    expect(exitCode(new CliError('HUB_ABSENT', '', ''))).toBe(69);
    expect(exitCode(new WarrenError('SERVER_UNREACHABLE', '', ''))).toBe(69);
    expect(exitCode(systemError('ECONNREFUSED'))).toBe(69);
  });
  test('our bugs, and whatever nobody foresaw, are 70', () => {
    expect(exitCode(new BugError('x'))).toBe(70);
    expect(exitCode(new TypeError('x is not a function'))).toBe(70);
    expect(exitCode('a string')).toBe(70);
    expect(exitCode(undefined)).toBe(70);
  });
  test('missing rights are 77, also below another error', () => {
    expect(exitCode(new RightsError('listen on port 443'))).toBe(77);
    expect(exitCode(systemError('EACCES'))).toBe(77);
    const denied = Object.assign(new Error(), { code: 'EACCES', syscall: 'open' });
    expect(exitCode(new FileError('FILE_UNWRITABLE', '/x', '', '', denied))).toBe(77);
    expect(exitCode(new FileError('FILE_MISSING', '/x', '', ''))).toBe(1);
  });
  test('everything else that was refused is 1', () => {
    expect(exitCode(new WarrenError('LOGIN_REFUSED', '', ''))).toBe(1);
    expect(exitCode(systemError('EADDRINUSE'))).toBe(1);
  });
});

test('commander’s words become ours, with its guess and the way to the help', () => {
  const unknown = new CommanderError(
    1,
    'commander.unknownOption',
    "error: unknown option '--jsn'\n(Did you mean --json?)",
  );
  expect(shown(unknown)[1]).toBe(
    "error: unknown option '--jsn' (USAGE)\n  hint: did you mean --json? Else see `warren ping --help`\n",
  );
});

test('the operating system’s errors get a hint', () => {
  expect(shown(systemError('EADDRINUSE'))[1]).toMatch(/\(SYSTEM\)\n {2}hint: another program uses/);
});

test('a bug says so, and shows its stack only on demand', () => {
  const bug = new BugError('the session is gone');
  expect(shown(bug)[1]).toMatch(
    /^error: this is a bug in Warren: the session is gone \(BUG\)\n {2}hint: please report/,
  );
  expect(shown(bug)[1]).not.toContain('    at ');
  expect(shown(bug, { json: false, debug: true })[1]).toContain('    at ');
});
