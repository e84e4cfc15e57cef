/** Starting a background daemon, with small programs in its place: a real one would touch the network. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DaemonStart, daemonLogFile, lastLines, startDaemon } from './daemon-start.js';
import { runningReport } from './testing/reports.js';

let dir: string;
let socketPath: string;
let stateDir: string;
const started: number[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-start-'));
  socketPath = join(dir, 'warren.sock');
  stateDir = join(dir, 'state');
});
afterEach(() => {
  for (const pid of started.splice(0)) process.kill(pid);
  rmSync(dir, { recursive: true });
});

/** Runs `script` (CommonJS) as the daemon; its argument is the socket. */
function startOf(script: string, change: Partial<DaemonStart> = {}): DaemonStart {
  const file = join(dir, 'daemon.cjs');
  writeFileSync(file, script);
  return {
    command: [process.execPath, file, socketPath],
    socketPath,
    stateDir,
    signal: new AbortController().signal,
    environment: { ...process.env, WARREN_TEST: 'kept' },
    ...change,
  };
}

const ANSWERING = `
console.error('ready', process.env.WARREN_TEST, process.cwd());
setTimeout(() => require('node:http')
  .createServer((_, response) => response.end(${JSON.stringify(JSON.stringify(runningReport))}))
  .listen(process.argv[2]), 150);
`;

test('comes back when the socket answers; the daemon has its own session and log', async () => {
  const { pid, logFile } = await startDaemon(startOf(ANSWERING));
  started.push(pid);
  // Field 6 of stat is the session's id: a leader's is its own pid.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  expect(fields[3]).toBe(String(pid));
  expect(readFileSync(logFile, 'utf8')).toBe('ready kept /\n');
  expect(logFile).toBe(daemonLogFile(stateDir));
  expect(statSync(logFile).mode & 0o777).toBe(0o600);
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
});

test('a daemon that refuses a call with its own error is up', async () => {
  const refusing = ANSWERING.replace(
    'response.end(',
    `response.writeHead(500).end('{"error":{"code":"X","message":"x","hint":"x"}}') && void (`,
  );
  const { pid } = await startDaemon(startOf(refusing));
  started.push(pid);
  expect(pid).toBeGreaterThan(0);
});

test('a daemon that ends says its own last words, not those of an earlier one', async () => {
  await expect(startDaemon(startOf(`console.error('old words'); process.exit(1)`))).rejects.toThrow(
    'old words',
  );
  const start = startOf(`console.error('error: no TUN device (TUN_MISSING)'); process.exit(77)`);
  const error = await startDaemon(start).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'DAEMON_START', exitCode: 77 });
  expect((error as Error).message).toBe(
    'the daemon ended at once with code 77; its last words:\n    error: no TUN device (TUN_MISSING)',
  );
  expect(readFileSync(daemonLogFile(stateDir), 'utf8')).toContain('old words');
});

test('a daemon that never answers is given up', async () => {
  const start = startOf('setTimeout(() => {}, 3000)', { waitMs: 300 });
  await expect(startDaemon(start)).rejects.toMatchObject({
    code: 'DAEMON_START',
    message: 'the daemon did not answer within 0.3 s',
  });
});

test('a program that is not there is told apart', async () => {
  const start = startOf('', { command: [join(dir, 'missing')] });
  await expect(startDaemon(start)).rejects.toThrow(/could not be started: .*ENOENT/);
});

test('waiting can be aborted', async () => {
  const abort = new AbortController();
  const waiting = startDaemon(startOf('setTimeout(() => {}, 3000)', { signal: abort.signal }));
  setTimeout(() => abort.abort(), 100);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('a log that has grown large is put aside', async () => {
  const start = startOf(`process.exit(1)`);
  await startDaemon(start).catch(() => undefined);
  const logFile = daemonLogFile(stateDir);
  writeFileSync(logFile, Buffer.alloc(11 * 1024 * 1024, 0x0a));
  await startDaemon(start).catch(() => undefined);
  expect(statSync(logFile).size).toBe(0);
  expect(statSync(`${logFile}.1`).size).toBe(11 * 1024 * 1024);
});

test('last lines leave out empty ones', () => {
  expect(lastLines('a\n\nb\n \nc\n', 2)).toEqual(['b', 'c']);
  expect(lastLines('', 2)).toEqual([]);
});
