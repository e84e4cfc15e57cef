/**
 * Asking sudo, on a real terminal (script(1) makes one) as a real user without rights. In sudo's place
 * stands a program that writes down how it was called: sudo itself would ask for a password.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN_SCRIPT } from './testing/run-cli.js';

const NOBODY = 65_534;
const canRun =
  process.geteuid?.() === 0 && existsSync('/usr/bin/script') && existsSync('/usr/bin/setpriv');

let dir: string;
let calls: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-sudo-'));
  chmodSync(dir, 0o755);
  calls = join(dir, 'calls');
  writeFileSync(calls, '');
  chmodSync(calls, 0o666);
  const stand = `#!/bin/sh\nprintf '%s\\n' "$@" >> '${calls}'\nexit 5\n`;
  writeFileSync(join(dir, 'sudo'), stand, { mode: 0o755 });
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Runs `warren ARGS` as nobody on a terminal; answers what the terminal shows, and the exit code. */
function onTerminal(args: readonly string[], path = `${dir}:/usr/bin:/bin`) {
  const asNobody = `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups`;
  const line = [process.execPath, MAIN_SCRIPT, ...args].map((word) => `'${word}'`).join(' ');
  const environment = { WARREN_AUTH_KEY: 'wkey-auth-secret', PATH: path, NO_COLOR: '1' };
  const { status, stdout } = spawnSync(
    '/usr/bin/script',
    ['--quiet', '--return', '--command', `/usr/bin/${asNobody} ${line}`, '/dev/null'],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return { status, shown: stdout.toString().replaceAll('\r\n', '\n') };
}

describe.runIf(canRun)('a user without rights, on a terminal', () => {
  test('sudo is asked for the same command, and people read for what', () => {
    const { status, shown } = onTerminal(['daemon', '--state-dir', join(dir, 'a b')]);
    expect(shown).toBe('warren needs root to make the network interface: asking sudo.\n');
    expect(readFileSync(calls, 'utf8').trim().split('\n')).toEqual([
      '--preserve-env=WARREN_AUTH_KEY,NO_COLOR',
      '--',
      process.execPath,
      MAIN_SCRIPT,
      'daemon',
      '--state-dir',
      join(dir, 'a b'),
    ]);
    expect(status).toBe(5);
  });

  test('without sudo: 77', () => {
    const { status, shown } = onTerminal(['daemon'], '/nowhere');
    expect(status).toBe(77);
    expect(shown).toContain('error: root is needed to make the network interface (RIGHTS)');
  });
});
