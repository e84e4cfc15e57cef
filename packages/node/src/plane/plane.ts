/**
 * The data plane as the main thread sees it: a worker with the PacketEngine, reached by messages only.
 *
 * A plane that dies takes the daemon's traffic with it, so `onFailed` reports it; nothing is restarted
 * behind people's backs.
 */
import { Worker } from 'node:worker_threads';
import { Counters } from '@warren/core/base/counters';
import { WarrenError } from '@warren/core/base/errors';
import type { WallTime } from '@warren/core/base/instant';
import type { DownMessage, UpMessage } from '@warren/core/engines/messages';
import { Backlog, createSharedBacklog, type SharedBacklog, workOff } from './backlog.js';
import { compileEarly } from './early-compilation.js';
import { MessageBatch } from './message-batch.js';
import type { FromPlane, PlaneWorkerData, ToPlane } from './plane-messages.js';

/** A worker that hangs in a system call must not keep the daemon from ending. */
const STOP_TIMEOUT_MS = 2_000;

export type PlaneOptions = Pick<PlaneWorkerData, 'tunName' | 'mtuBytes' | 'handshakeFloor'>;

export interface PlaneEvents {
  /** Never none; in the order in which they were told. */
  readonly onUp: (messages: readonly UpMessage[]) => void;
  /** How packets move here, in a line; told once. */
  readonly onStarted?: (description: string) => void;
  /** A handshake that begins takes this time. */
  readonly onHandshakeTime?: (time: WallTime) => void;
  /** Once, when the worker or its device ended by itself after it had started. */
  readonly onFailed: (error: Error) => void;
}

export class Plane {
  /** What was dropped on the way to the plane. */
  readonly counters = new Counters();
  readonly #worker: Worker;
  readonly #events: PlaneEvents;
  readonly #downBacklog: Backlog;
  readonly #upBacklog: SharedBacklog;
  readonly #down = new MessageBatch<DownMessage>((messages) =>
    this.#post({ type: 'down', messages }),
  );
  readonly #exited: Promise<void>;
  readonly #forgetCompilation = compileEarly();
  /** It was told to stop, or it has failed. */
  #ending = false;

  private constructor(worker: Worker, data: PlaneWorkerData, events: PlaneEvents) {
    this.#worker = worker;
    this.#events = events;
    this.#upBacklog = data.upBacklog;
    this.#downBacklog = new Backlog(data.downBacklog, this.counters, 'relay-received-mailbox-full');
    worker.on('message', (message: FromPlane) => this.#take(message));
    worker.on('error', (error) => this.#fail(error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#fail(new Error(`the data plane ended with code ${code}`));
        resolve();
      });
    });
  }

  /** Starts the worker and waits for its device; rejects with the reason in words. */
  static start(options: PlaneOptions, events: PlaneEvents): Promise<Plane> {
    const data: PlaneWorkerData = {
      ...options,
      downBacklog: createSharedBacklog(),
      upBacklog: createSharedBacklog(),
    };
    const worker = new Worker(new URL('./plane-worker.js', import.meta.url), { workerData: data });
    return new Promise((resolve, reject) => {
      const onExit = (code: number): void =>
        reject(new Error(`the data plane ended with code ${code} before it began`));
      const settle = (message: FromPlane): void => {
        worker.off('message', settle).off('error', reject).off('exit', onExit);
        if (message.type === 'started') {
          events.onStarted?.(message.description);
          resolve(new Plane(worker, data, events));
        } else if (message.type === 'failed') {
          void worker.terminate();
          reject(failure(message));
        }
      };
      worker.on('message', settle).on('error', reject).on('exit', onExit);
    });
  }

  send(message: DownMessage): void {
    if (message.type === 'relay-received') {
      const packets = this.#downBacklog.admit(message.packets);
      if (packets.length > 0) this.#down.add({ ...message, packets });
      return;
    }
    this.#down.add(message);
  }

  async stop(): Promise<void> {
    this.#ending = true;
    this.#forgetCompilation();
    this.#down.flush();
    this.#post({ type: 'stop' });
    const timeout = setTimeout(() => void this.#worker.terminate(), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timeout);
  }

  #take(message: FromPlane): void {
    if (message.type === 'failed') {
      this.#fail(failure(message));
      return;
    }
    if (message.type === 'handshake-time') this.#events.onHandshakeTime?.(message.time);
    if (message.type !== 'up') return;
    this.#events.onUp(message.messages);
    for (const one of message.messages) {
      if (one.type === 'relay-send') workOff(this.#upBacklog, one.packets.length);
    }
  }

  #fail(error: Error): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#events.onFailed(error);
  }

  #post(message: ToPlane): void {
    this.#worker.postMessage(message);
  }
}

function failure(message: Extract<FromPlane, { readonly type: 'failed' }>): WarrenError {
  return new WarrenError(message.code, message.message, message.hint);
}
