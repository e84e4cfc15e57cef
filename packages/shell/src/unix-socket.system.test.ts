import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isServed, isTaken, listenPrivately, type PrivateSocket } from './unix-socket.js';

let directory: string;
let file: string;
const open: PrivateSocket[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'warren-socket-'));
  file = path.join(directory, 'warren.sock');
});
afterEach(async () => {
  for (const socket of open.splice(0)) await socket.close();
  rmSync(directory, { recursive: true });
});

async function listen(server: Server = createServer()): Promise<PrivateSocket> {
  const socket = await listenPrivately(server, file);
  open.push(socket);
  return socket;
}

test('only the owner may open the socket, and the process keeps its umask', async () => {
  const umask = process.umask();
  await listen();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(process.umask()).toBe(umask);
});

test('the socket of a killed process is replaced', async () => {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, file], { timeout: 10_000 });
  expect(lstatSync(file).isSocket()).toBe(true);
  expect(await isServed(file)).toBe(false);
  await listen();
  expect(await isServed(file)).toBe(true);
});

test('the socket of a living process is taken, and goes on', async () => {
  await listen();
  const refused = await listen().catch((error: unknown) => error);
  expect(isTaken(refused)).toBe(true);
  expect(await isServed(file)).toBe(true);
});

test('a directory that is missing is another error', async () => {
  file = path.join(directory, 'missing', 'warren.sock');
  const refused = await listen().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'EACCES' });
  expect(isTaken(refused)).toBe(false);
});

test('closing ends idle connections and takes the file away', async () => {
  const socket = await listen();
  const client = connect(file);
  const ended = new Promise((resolve) => client.once('close', resolve));
  await new Promise((resolve) => client.once('connect', resolve));
  await socket.close();
  await ended;
  expect(existsSync(file)).toBe(false);
  await socket.close();
});
