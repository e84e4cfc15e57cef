/**
 * `warren up` with the real daemon, which touches the machine's network: hence inside network, mount and
 * process namespaces that end with the test. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { MAIN_SCRIPT } from '../testing/run-cli.js';

/** Runs a bash script where only loopback exists and /run and /var/lib are empty; `warren` is the command. */
function inNamespace(script: string): string {
  const prelude = `
    set -u
    ip link set lo up
    mount -t tmpfs none /run && mount -t tmpfs none /var/lib
    warren() { '${process.execPath}' '${MAIN_SCRIPT}' "$@"; }
  `;
  const flags = ['-nmpf', '--mount-proc', '--kill-child'];
  const { stdout, stderr } = spawnSync('unshare', [...flags, 'bash', '--norc', '-s'], {
    input: prelude + script,
    timeout: 60_000,
    env: { PATH: process.env['PATH'] ?? '' },
  });
  return `${stdout.toString()}${stderr.toString()}`;
}

test('up starts a daemon of its own session, says so, and a second up uses it', () => {
  const said = inNamespace(`
    exec 2>&1
    WARREN_AUTH_KEY=wkey-auth-secret warren up; echo "exit $?"
    warren up; echo "exit $?"
    for pid in /proc/[0-9]*; do
      grep -qsz daemon $pid/cmdline && tr '\\0' ' ' < $pid/cmdline && echo
    done
    grep -lsz WARREN_AUTH_KEY /proc/[0-9]*/environ
    warren status; echo "exit $?"
    stat -c '%a %n' /run/warren/warren.sock /var/lib/warren/daemon.log
  `);
  const lines = said.trim().split('\n');
  expect(lines[0]).toMatch(
    /^Started the daemon \(process \d+\); its log is \/var\/lib\/warren\/daemon\.log$/,
  );
  expect(lines.filter((line) => line.startsWith('Started'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('LOGIN_SERVER_MISSING'))).toHaveLength(2);
  expect(lines.filter((line) => line === 'exit 64')).toHaveLength(2);
  const daemons = lines.filter((line) => line.includes('main.js daemon'));
  const flags = 'daemon --socket /run/warren/warren.sock --state-dir /var/lib/warren';
  expect(daemons.map((line) => line.trim())).toEqual([
    `${process.execPath} ${MAIN_SCRIPT} ${flags}`,
  ]);
  expect(said).not.toContain('/environ');
  expect(lines.slice(-4)).toEqual([
    'Logged out.',
    'exit 1',
    '600 /run/warren/warren.sock',
    '600 /var/lib/warren/daemon.log',
  ]);
});

test('a daemon that can’t start is quoted, and what is wrong with it becomes ours', () => {
  const said = inNamespace(`
    exec 2>&1
    touch /run/file
    warren up --socket /run/file/x.sock --state-dir /run/state; echo "exit $?"
  `);
  expect(said).toMatch(/error: the daemon ended at once with code 77; its last words:\n/);
  expect(said).toContain('(SOCKET_RIGHTS)');
  expect(said).toMatch(/\(DAEMON_START\)\n {2}hint: see its log \/run\/state\/daemon\.log/);
  expect(said.trim().split('\n').at(-1)).toBe('exit 77');
});

test('the line that a hub prints joins this machine, and control sees it come and go', () => {
  const said = inNamespace(`
    exec 2>&1
    '${process.execPath}' '${MAIN_SCRIPT}' hub --host 127.0.0.1 > /run/hub.out 2> /run/hub.log &
    hub=$!
    for try in $(seq 100); do grep -q 'warren up' /run/hub.out && break; sleep 0.1; done
    hostname lonely 2> /dev/null
    eval "$(grep 'warren up' /run/hub.out) --hostname desk --timeout 20s"; echo "exit $?"
    warren ip -4
    warren status; echo "exit $?"
    warren control nodes list
    warren ping desk; echo "exit $?"
    warren down && warren status; echo "exit $?"
    warren up --timeout 20s; echo "exit $?"
    warren up --hostname shelf --timeout 20s; echo "exit $?"
    warren control nodes delete shelf; echo "exit $?"
    for try in $(seq 100); do warren status > /run/out || break; sleep 0.1; done
    head -n 1 /run/out
    warren ping shelf; echo "exit $?"
    warren up --timeout 5s; echo "exit $?"
    kill $hub; wait $hub; echo "hub $?"
  `);
  const address = '100.64.0.1';
  expect(said).toMatch(/\nSuccess\. desk\.\S+ is up: 100\.64\.0\.1, fd7a:115c:a1e0:\S*\nexit 0\n/);
  expect(said).toContain(`\n${address}\n${address}  desk  owner@  linux  -`);
  expect(said).toMatch(/\n1 +desk\.\S+ +owner@\S+ +100\.64\.0\.1,\S+ +online\n/);
  expect(said).toMatch(/desk is this machine itself \(PEER_UNKNOWN\)\n.*\nexit 3\n/);
  expect(said).toMatch(/\nWarren is stopped\.\n(# |\n|.)*?exit 1\nSuccess\. desk/);
  expect(said).toMatch(/\nSuccess\. shelf\.\S+ is up: 100\.64\.0\.1, /);
  expect(said).toMatch(/\nshelf\.\S+ is forgotten\.\nexit 0\nLogged out\.\n/);
  expect(said).toMatch(/logged out \(NOT_RUNNING\)\n.*\nexit 3\n/);
  expect(said).toMatch(/To authenticate, visit:[\s\S]*\(UP_TIMEOUT\)\n.*\nexit 1\nhub 0\n$/);
});
