/** What holds for every command: help, wrong lines, exit codes, rights, pipes, signals. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WarrenError } from '@warren/core/base/errors';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ServedDaemon, serveDaemon } from './testing/daemon-api.js';
import { directPeer, runningReport } from './testing/reports.js';
import { MAIN_SCRIPT, runCli } from './testing/run-cli.js';

/** `nobody` on every Linux. */
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
/** A user without rights: nobody when the tests run as root, else whoever runs them. */
const withoutRights = isRoot ? { uid: NOBODY } : {};

const commands = [
  ['up'],
  ['down'],
  ['status'],
  ['ping'],
  ['why'],
  ['ip'],
  ['daemon'],
  ['hub'],
  ['relay'],
  ['control'],
  ['control', 'keys'],
  ['control', 'keys', 'create'],
  ['control', 'keys', 'list'],
  ['control', 'keys', 'expire'],
  ['control', 'nodes'],
  ['control', 'nodes', 'list'],
  ['control', 'nodes', 'delete'],
  ['control', 'nodes', 'paths'],
  ['demo'],
  ['lab'],
  ['lab', 'shell'],
  ['lab', 'list'],
  ['lab', 'down'],
  ['version'],
];

let dir: string;
const daemons: ServedDaemon[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-main-'));
  chmodSync(dir, 0o755);
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.close();
  rmSync(dir, { recursive: true });
});

async function daemon(...args: Parameters<typeof serveDaemon>): Promise<string> {
  const served = await serveDaemon(...args);
  daemons.push(served);
  return served.socketPath;
}

describe.each(commands.map((words) => ({ words, name: words.join(' ') })))(
  '$name',
  ({ words, name }) => {
    test('--help has usage and examples, on stdout', async () => {
      const { code, out, err } = await runCli([...words, '--help']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(new RegExp(`^Usage: warren ${name}( |\\||\\n)`));
      expect(out).toMatch(/\nExamples:\n {2}\$ /);
      expect(out).not.toContain('default: false');
    });

    test('an unknown flag is a wrong line that names the help', async () => {
      const { code, out, err } = await runCli([...words, '--no-such-flag']);
      expect({ code, out }).toEqual({ code: 64, out: '' });
      expect(err).toMatch(
        /^error: unknown option '--no-such-flag' \(USAGE\)\n {2}hint: .*--help`\n$/,
      );
    });
  },
);

describe('the line as a whole', () => {
  test('without a command: the help on stderr, 64', async () => {
    const { code, out, err } = await runCli([]);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain('Usage: warren');
    expect(err).not.toContain('error:');
  });

  test('help in each spelling is the same', async () => {
    const { out } = await runCli(['ping', '--help']);
    expect((await runCli(['help', 'ping'])).out).toBe(out);
    expect((await runCli(['ping', '-h'])).out).toBe(out);
    expect((await runCli(['help'])).out).toBe((await runCli(['--help'])).out);
    expect((await runCli(['help', 'control', 'keys'])).out).toContain('Usage: warren control keys');
  });

  test('a misspelt command gets a suggestion', async () => {
    const { code, err } = await runCli(['stauts']);
    expect(code).toBe(64);
    expect(err).toContain('did you mean status?');
  });

  test('with --json a wrong line is JSON on stdout, and only there', async () => {
    const { code, out, err } = await runCli(['status', '--json', '--bogus']);
    expect({ code, err }).toEqual({ code: 64, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'USAGE',
        message: "unknown option '--bogus'",
        hint: 'see `warren status --help`',
      },
    });
  });

  test('every kind of wrong argument is 64', async () => {
    const lines = [
      ['ping'],
      ['ping', 'a', 'b'],
      ['ping', 'a', '-c', '-1'],
      ['ping', 'a', '--timeout', '5'],
      ['ping', 'a', '--timeout', '0'],
      ['ping', 'a', '--interval', '1ms'],
      ['status', 'extra'],
      ['ip', '-4', '-6'],
      ['up', '--hostname', 'a_b'],
      ['up', '--login-server', 'https://a/b'],
      ['up', '--auth-key', ' '],
      ['daemon', '--port', '65536'],
      ['daemon', '--tun', 'a-name-that-is-too-long'],
      ['daemon', '--log-level', 'loud'],
      ['lab', 'shell'],
      ['netcheck', '--port', '5'],
      ['netcheck', '--login-server', 'https://hub'],
      ['control', 'serve', '--region-id', '950', '--derp-region-file', '/none'],
    ];
    for (const line of lines) {
      const { code, err } = await runCli(['--socket', join(dir, 'none'), ...line]);
      expect(code, line.join(' ')).toBe(64);
      expect(err, line.join(' ')).toMatch(/^error: .* \(USAGE\)\n {2}hint: /);
    }
  });

  test('the help that is named is that of the innermost command', async () => {
    const lines = [
      { line: ['control', 'nodes', 'delete'], help: 'warren control nodes delete' },
      { line: ['control', 'node', 'delete'], help: 'warren control nodes delete' },
      {
        line: ['control', 'keys', 'create', '--expiry', 'soon'],
        help: 'warren control keys create',
      },
      { line: ['control', 'keys', 'remove'], help: 'warren control keys' },
      { line: ['lab', 'shell'], help: 'warren lab shell' },
      { line: ['ping', 'status', 'list'], help: 'warren ping' },
      { line: ['bogus'], help: 'warren' },
    ];
    for (const { line, help } of lines) {
      expect((await runCli(line)).err, line.join(' ')).toContain(`see \`${help} --help\``);
    }
  });

  test('versions', async () => {
    expect((await runCli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { out } = await runCli(['version', '--json']);
    expect(JSON.parse(out)).toMatchObject({ node: process.version });
  });
});

describe('without a daemon', () => {
  const asking = [['status'], ['ping', 'x'], ['ip'], ['down'], ['version', '--daemon']];

  test.each(asking)('%s %s ends with 69 and says how to start one', async (...line) => {
    const { code, out, err } = await runCli(['--socket', join(dir, 'none.sock'), ...line]);
    expect({ code, out }).toEqual({ code: 69, out: '' });
    expect(err).toContain(`${join(dir, 'none.sock')} (DAEMON_ABSENT)\n  hint: start it with`);
  });

  test('--socket stands anywhere, WARREN_SOCKET for it, and --json makes the error JSON', async () => {
    const socket = join(dir, 'other.sock');
    expect((await runCli(['status', '--socket', socket])).err).toContain(socket);
    const { code, out, err } = await runCli(['status', '--json'], {
      environment: { WARREN_SOCKET: socket },
    });
    expect({ code, err }).toEqual({ code: 69, err: '' });
    expect(JSON.parse(out).error).toMatchObject({ code: 'DAEMON_ABSENT' });
    expect(out).toContain(socket);
  });

  test('a socket file that nobody listens on is no daemon either', async () => {
    const socket = join(dir, 'stale.sock');
    // A process that is killed leaves its socket file.
    const script = `require('net').createServer()
      .listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script, socket]);
    expect(existsSync(socket)).toBe(true);
    expect((await runCli(['--socket', socket, 'status'])).code).toBe(69);
  });
});

describe('without rights', () => {
  test('the daemon and what would start it end with 77, before doing anything', async () => {
    const lines = [
      ['daemon', '--state-dir', join(dir, 'state')],
      ['up', '--socket', join(dir, 'none.sock'), '--state-dir', join(dir, 'state')],
    ];
    for (const line of lines) {
      const { code, out, err } = await runCli(line, withoutRights);
      expect({ code, out }).toEqual({ code: 77, out: '' });
      expect(err).toMatch(
        /^error: root is needed to .*network interface \(RIGHTS\)\n {2}hint: .*sudo/,
      );
    }
  });

  test('a login that may not be read is not said to be none', async () => {
    const state = join(dir, 'state');
    mkdirSync(state, { mode: 0o000 });
    const line = ['--socket', join(dir, 'none'), 'netcheck', '--standalone', '--state-dir', state];
    const { code, err } = await runCli(line, withoutRights);
    expect(code).toBe(3);
    expect(err).toContain('this user may not read');
  });

  test.runIf(isRoot)('the socket of another user is 77, not an absent daemon', async () => {
    const socket = await daemon({});
    chmodSync(join(socket, '..'), 0o755);
    for (const line of [['status'], ['ping', 'x'], ['ip'], ['down'], ['up']]) {
      const { code, err } = await runCli(['--socket', socket, ...line], withoutRights);
      expect(code, line[0]).toBe(77);
      expect(err).toContain(`talk to the daemon on ${socket} (RIGHTS)`);
    }
  });
});

describe('pipes and colours', () => {
  test('a reader that leaves early ends the command quietly', async () => {
    const peers = Array.from({ length: 5_000 }, () => directPeer);
    const socket = await daemon({ status: () => Promise.resolve({ ...runningReport, peers }) });
    const script = `"$0" "$1" --socket "$2" status --json | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', script, process.execPath, MAIN_SCRIPT, socket], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { out: '', err: '' };
    child.stdout.on('data', (part: Buffer) => {
      text.out += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      text.err += part.toString();
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(text).toEqual({ out: '{\n0\n', err: '' });
  });

  test('an answer that a full disk swallowed does not end with 0', () => {
    const script = '"$0" "$1" version --json > /dev/full';
    const { status, stderr } = spawnSync('bash', ['-c', script, process.execPath, MAIN_SCRIPT]);
    expect(status).toBe(1);
    expect(stderr.toString()).toContain('ENOSPC');
  });

  test('colours only when asked for, since there is no terminal here', async () => {
    const socket = await daemon({});
    const line = ['--socket', socket, 'status'];
    const plain = (await runCli(line)).out;
    expect(plain).not.toContain('\u001b');
    const coloured = (await runCli(line, { environment: { FORCE_COLOR: '1' } })).out;
    expect(coloured).toContain('\u001b[32m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are such characters.
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});

describe('signals', () => {
  const pong = {
    seq: 1,
    peer: 'x',
    address: '100.64.0.7',
    path: 'relay',
    region: 'hbt',
    latencyMs: 1,
    elapsedMs: 1,
  } as const;

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends with %i, and the daemon sees the command go', async (signal, expected) => {
    let gone: Promise<unknown> = Promise.resolve();
    const socket = await daemon({
      ping: async (_request, emit, aborted) => {
        gone = new Promise((resolve) => aborted.addEventListener('abort', resolve));
        emit(pong);
        await gone;
      },
    });
    const { code, out, err } = await runCli(['--socket', socket, 'ping', 'x'], {
      onOutput: (_out, child) => child.kill(signal),
    });
    expect({ code, err }).toEqual({ code: expected, err: '' });
    expect(out).toBe('pong from x (100.64.0.7) via DERP(hbt) in 1ms\n');
    await gone;
  });
});

describe('bugs', () => {
  const bug = () => Promise.reject(new TypeError('peer is undefined'));

  test('a bug in the daemon is 70', async () => {
    const socket = await daemon({ status: bug });
    const { code, err } = await runCli(['--socket', socket, 'status']);
    expect(code).toBe(70);
    expect(err).toContain('peer is undefined (BUG)');
  });

  test('the daemon’s own errors keep code and hint', async () => {
    const socket = await daemon({
      status: () => Promise.reject(new WarrenError('LOGIN_REFUSED', 'no', 'ask')),
    });
    const { code, err } = await runCli(['--socket', socket, 'status']);
    expect({ code, err }).toEqual({ code: 1, err: 'error: no (LOGIN_REFUSED)\n  hint: ask\n' });
  });

  test('something else on the socket is not understood', async () => {
    const socket = join(dir, 'echo.sock');
    const server = createServer((connection) => connection.end('SSH-2.0-x\r\n'));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const { code, err } = await runCli(['--socket', socket, 'status']);
    server.close();
    expect(code).toBe(69);
    expect(err).toContain('(DAEMON_LOST)');
  });
});
