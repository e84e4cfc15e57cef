/** The daemon in the foreground: starts the node and its local API, ends on the signal. */
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { selfTestCrypto } from '@warren/shell/crypto/self-test';
import { createLogger, type LogLevel } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import type { NodeSettings } from '../config/settings.js';
import { LocalApiServer, requireFreeSocket } from '../local-api/server.js';
import { VERSION } from '../version.js';
import { Daemon } from './daemon.js';
import { notifyReady, notifyStopping } from './systemd.js';

export interface RunDaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  /** UDP; 0: any free port. */
  readonly port: number;
  readonly tunName: string;
  readonly settings: NodeSettings;
  readonly logLevel: LogLevel;
  /** Called once, when commands are answered. */
  readonly onReady?: (ready: DaemonReady) => void;
  readonly signal: AbortSignal;
}

export interface DaemonReady {
  readonly socket: string;
  readonly stateDir: string;
}

/** Resolves after a clean end; rejects with a WarrenError when the daemon can't start or its data plane dies. */
export async function runDaemon(options: RunDaemonOptions): Promise<void> {
  const { signal } = options;
  const log = createLogger({ level: options.logLevel });
  const crypto = createNodeCrypto();
  selfTestCrypto(crypto);
  // The first thing to say about a second daemon, before it meets its port and its device.
  await requireFreeSocket(options.socketPath);
  let end: (error: Error | undefined) => void = () => undefined;
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  const daemon = await Daemon.start({
    version: VERSION,
    stateDir: options.stateDir,
    tunName: options.tunName,
    listenPort: options.port,
    settings: options.settings,
    crypto,
    random: createNodeRandom(),
    clock: systemClock,
    log,
    onEnd: (error) => end(error),
  });
  let api: LocalApiServer | undefined;
  try {
    api = await LocalApiServer.listen(options.socketPath, daemon);
    const ready = { socket: options.socketPath, stateDir: options.stateDir };
    log.info('daemon ready', ready);
    options.onReady?.(ready);
    await notifyReady();
    signal.addEventListener('abort', () => end(undefined), { once: true });
    const error = signal.aborted ? undefined : await ended;
    await notifyStopping();
    if (error !== undefined) throw error;
  } finally {
    await api?.close();
    await daemon.close();
    log.info('daemon ended');
  }
}
