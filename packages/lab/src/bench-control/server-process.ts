/** A control server as a process of this namespace: started, measured, killed and started again on the same state. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnvironment } from '../world/channel.js';
import type { Target } from './fleet/protocol.js';

/** The servers take turns on it; the fleet's clients come from other addresses of the loopback network. */
export const SERVER_HOST = '127.0.0.1';
export const SERVER_PORT = 443;
/** Reading a database of ten thousand nodes takes seconds on a busy machine. */
const READY_MS = 180_000;
const POLL_MS = 20;
const ASK_MS = 5_000;
/** A profile is written at the end. */
const END_MS = 60_000;
const LOG_TAIL_CHARS = 1_000;

export interface ServerCommand {
  readonly name: string;
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class ServerProcess {
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** Of the running process. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#command.name} does not run`);
    return pid;
  }

  /** Resolves when it answers `GET /key`, with where and who it is. */
  async start(): Promise<Target> {
    const { argv, logFile, env = {} } = this.#command;
    const [program = '', ...args] = argv;
    const log = openSync(logFile, 'a');
    const child = spawn(program, args, {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      const end = (): void => {
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const serverKey = await fetchKey().catch(() => undefined);
      if (serverKey !== undefined) return { host: SERVER_HOST, port: SERVER_PORT, serverKey };
      if (this.#child !== child || performance.now() > deadline) {
        throw new Error(`${this.#command.name} did not come up: ${this.#lastWords()}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** As a power cut would end it, or (`SIGTERM`) as an operator. Resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    const tooLong = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await this.#gone;
    clearTimeout(tooLong);
  }

  #lastWords(): string {
    return readFileSync(this.#command.logFile, 'utf8').slice(-LOG_TAIL_CHARS);
  }
}

/** The server's Noise key. */
async function fetchKey(): Promise<string> {
  const { publicKey } = JSON.parse(await get('/key?v=138')) as { readonly publicKey?: string };
  if (publicKey === undefined) throw new Error('it states no key');
  return publicKey;
}

/** Whose certificate it is, is no matter: nobody else is in this namespace. */
function get(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      ...{ host: SERVER_HOST, port: SERVER_PORT, path, timeout: ASK_MS },
      ...{ rejectUnauthorized: false, agent: false },
    };
    const asked = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
