/** The transfer agent as processes on loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import type { AgentAnswer, AgentOrder, TransferResult } from './transfer-agent.js';

const port = 20_000 + (process.pid % 20_000);
let receiver: ChildProcess;

function agent(...args: string[]): [string, string[]] {
  const [program = '', ...rest] = scriptArgv('traffic/transfer-agent', ...args);
  return [program, rest];
}

beforeAll(async () => {
  const started = spawn(...agent('receive', `127.0.0.1:${port}`), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  receiver = started;
  await once(started.stdout, 'data');
});

afterAll(() => {
  receiver.kill('SIGKILL');
});

function send(bytes: number, seed = 1): TransferResult {
  const { stdout, stderr } = spawnSync(
    ...agent('send', `127.0.0.1:${port}`, String(bytes), String(seed)),
    {
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as TransferResult;
}

test.each([1, 63, 65_536, 65_537, 3_000_000])(
  '%d bytes arrive intact and are measured',
  (bytes) => {
    const result = send(bytes);
    expect(result).toMatchObject({ bytes, intact: true });
    expect(result.rttMs).toBe([...result.rttsMs].sort((a, b) => a - b)[5]);
    expect(result.rttMs).toBeGreaterThan(0);
    if (bytes > 60_000) expect(result.megabitsPerSecond).toBeGreaterThan(1);
  },
);

test('several senders are served at once', async () => {
  const senders = [1, 2, 3].map((seed) =>
    spawn(...agent('send', `127.0.0.1:${port}`, '2000000', String(seed)), {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const results = await Promise.all(
    senders.map(
      async (sender) =>
        JSON.parse(String((await once(sender.stdout, 'data'))[0])) as TransferResult,
    ),
  );
  expect(results.map(({ intact }) => intact)).toEqual([true, true, true]);
});

test('a receiver that is about to start is waited for; nobody at all is an error', async () => {
  const later = port + 1;
  const sender = spawn(...agent('send', `127.0.0.1:${later}`, '1000'), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const late = spawn(...agent('receive', `127.0.0.1:${later}`), { stdio: 'ignore' });
  const [line] = (await once(sender.stdout, 'data')) as [Buffer];
  expect((JSON.parse(line.toString()) as TransferResult).intact).toBe(true);
  late.kill('SIGKILL');
  await once(late, 'exit');
  const alone = spawnSync(...agent('send', `127.0.0.1:${later}`, '1000'), { encoding: 'utf8' });
  expect(alone.status).toBe(1);
  expect(alone.stderr).toContain('ECONNREFUSED');
}, 30_000);

test('an agent that obeys measures, sends, and says what failed', async () => {
  const own = port + 2;
  const obedient = spawn(...agent('obey', `127.0.0.1:${own}`), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: obedient.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => ((await lines.next()) as { value: string }).value;
  expect(await next()).toBe('listening');
  const order = async (text: AgentOrder): Promise<AgentAnswer> => {
    obedient.stdin.write(`${JSON.stringify(text)}\n`);
    return JSON.parse(await next()) as AgentAnswer;
  };
  const measured = await order({ id: 1, target: `127.0.0.1:${port}` });
  expect(measured.roundTrips?.rttsMs).toHaveLength(11);
  const data = { bytes: 100_000, rttMs: 1 };
  expect(await order({ id: 2, target: `127.0.0.1:${own}`, data })).toMatchObject({
    id: 2,
    sent: { bytes: 100_000, intact: true },
  });
  expect(await order({ id: 3, target: 'nowhere', data })).toMatchObject({
    id: 3,
    error: expect.stringContaining('usage'),
  });
  obedient.stdin.end();
  expect(await once(obedient, 'exit')).toEqual([0, null]);
});

test('strangers are hung up on', async () => {
  for (const words of ['GET / HTTP/1.1\r\n\r\n', `d${'\xff'.repeat(8)}`]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(Buffer.from(words, 'latin1'));
    await once(socket, 'close');
  }
  expect(send(1000).intact).toBe(true);
});

test('more data than announced is refused', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = 0;
  socket.on('data', (bytes) => {
    answer += bytes.length;
  });
  socket.write(Buffer.concat([Buffer.from([0x64, 0, 0, 0, 0, 0, 0, 0, 4]), Buffer.alloc(5)]));
  await once(socket, 'close');
  expect(answer).toBe(0);
});

test('wrong arguments are told how to be right', () => {
  for (const args of [
    [],
    ['send', 'nowhere', '1'],
    ['send', '127.0.0.1:1', 'x'],
    ['receive', 'x'],
  ]) {
    const { status, stderr } = spawnSync(...agent(...args), { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('usage');
  }
});
