/** A hub of the built command line on loopback, for tests of the commands that speak with it. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { runCli } from './run-cli.js';

export interface TestHub {
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

/** A running hub whose state is below `directory` (in `state`), on a port that was free. */
export async function startTestHub(
  directory: string,
  adminSocket: string,
  flags: readonly string[] = [],
): Promise<TestHub> {
  const line = [
    ...['hub', '--json', '--listen', '127.0.0.1:0', '--no-stun'],
    ...['--state-dir', join(directory, 'state'), '--admin-socket', adminSocket, ...flags],
  ];
  let hub: ChildProcess | undefined;
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const ended = runCli(line, {
    onStart: (child) => {
      hub = child;
    },
    onOutput: (out) => {
      if (out.includes('"ready"')) ready();
    },
  });
  const stop = async (): Promise<void> => {
    hub?.kill('SIGTERM');
    await ended;
  };
  await Promise.race([isReady, ended.then(({ err }) => Promise.reject(new Error(err)))]);
  return { stop };
}
