/**
 * The data plane as the main thread sees it: a worker with the PacketEngine, reached by messages only.
 *
 * A plane that dies takes the daemon's traffic with it, so `onFailed` reports it; nothing is restarted
 * behind people's backs.
 */
import { Worker } from 'node:worker_threads';
import { WarrenError } from '@warren/core/base/errors';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import type { FromPlane, PlaneWorkerData, ToPlane } from './plane-messages.js';

/** A worker that hangs in a system call must not keep the daemon from ending. */
const STOP_TIMEOUT_MS = 2_000;

export interface PlaneEvents {
  readonly onUp: (message: UpMessage) => void;
  /** The worker ended by itself after it had started. */
  readonly onFailed: (error: Error) => void;
}

export class Plane {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #stopping = false;

  private constructor(worker: Worker, events: PlaneEvents) {
    this.#worker = worker;
    worker.on('message', (message: FromPlane) => {
      if (message.type === 'up') events.onUp(message.message);
    });
    worker.on('error', (error) => events.onFailed(error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        if (!this.#stopping) events.onFailed(new Error(`the data plane ended with code ${code}`));
        resolve();
      });
    });
  }

  /** Starts the worker and waits for its device; rejects with the reason in words. */
  static start(data: PlaneWorkerData, events: PlaneEvents): Promise<Plane> {
    const worker = new Worker(new URL('./plane-worker.js', import.meta.url), { workerData: data });
    return new Promise((resolve, reject) => {
      const settle = (message: FromPlane): void => {
        worker.off('message', settle);
        worker.off('error', reject);
        if (message.type === 'started') {
          resolve(new Plane(worker, events));
        } else if (message.type === 'failed') {
          void worker.terminate();
          reject(new WarrenError(message.code, message.message, message.hint));
        }
      };
      worker.on('message', settle);
      worker.on('error', reject);
    });
  }

  send(message: DownMessage): void {
    this.#post({ type: 'down', message });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#post({ type: 'stop' });
    const timeout = setTimeout(() => void this.#worker.terminate(), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timeout);
  }

  #post(message: ToPlane): void {
    this.#worker.postMessage(message);
  }
}
