/** The control client's shell: one connection, its requests, and the doubts after a change of network. */
import { assert } from '@warren/core/base/assert';
import { ControlClient, type ControlClientOptions } from '@warren/core/control/client';
import type { ControlClientInput, ControlClientOutput, RequestId } from '@warren/core/control/io';
import type { MachineKey } from '@warren/core/keys/keys';
import { MachineTimer } from '../clock/machine-timer.js';
import type { Host } from '../net/host.js';
import { type Dial, dial, type StreamWorld } from '../net/stream.js';
import {
  type ControlClientEnd,
  type ControlStreamServer,
  type FromControl,
  type ToControl,
  wireBytes,
} from '../servers/control-wire.js';

/** As in the daemon: for the answer to a ping, and for one after an address was lost. */
const PING_TIMEOUT_MS = 5_000;
const DOUBTFUL_PING_TIMEOUT_MS = 1_500;
const HANGING_DIAL_MS = 2_000;

export interface ControlLinkOptions {
  readonly world: StreamWorld;
  readonly host: Host;
  readonly server: ControlStreamServer;
  readonly machineKey: MachineKey;
  readonly client: ControlClientOptions;
  readonly onOutput: (output: ControlClientOutput) => void;
  readonly onConnected: () => void;
}

interface Request {
  readonly streaming: boolean;
}

export class ControlLink {
  readonly #options: ControlLinkOptions;
  readonly #client: ControlClient;
  readonly #timer: MachineTimer;
  readonly #requests = new Map<RequestId, Request>();
  #stream: ControlClientEnd | undefined;
  #dial: { readonly dial: Dial; readonly atMs: number } | undefined;
  /** Counts pings; an answer is to the latest. */
  #probe = 0;
  #answered = 0;
  #probeMs = 0;
  #draining = false;
  #closed = false;

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.#client = new ControlClient(options.client);
    this.#timer = new MachineTimer(this.#client, options.world.clock, () =>
      this.handle({ type: 'timeout' }),
    );
  }

  get openRequests(): number {
    return this.#requests.size;
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  handle(input: ControlClientInput): void {
    if (this.#closed) return;
    this.#client.handle(input, this.#options.world.clock.now);
    this.#drain();
  }

  linkChanged(lostAddress: boolean): void {
    if (this.#stream === undefined) this.#connectAnew();
    else this.#doubt(this.#stream, lostAddress ? DOUBTFUL_PING_TIMEOUT_MS : PING_TIMEOUT_MS);
  }

  #probeStream(): void {
    if (this.#stream !== undefined) this.#doubt(this.#stream, PING_TIMEOUT_MS);
  }

  #doubt(stream: ControlClientEnd, waitMs: number): void {
    // A question that is open already is not given more time by the next one.
    if (this.#answered < this.#probe && waitMs >= this.#probeMs) return;
    this.#probeMs = waitMs;
    const probe = ++this.#probe;
    this.#write(stream, { type: 'ping' });
    this.#options.world.clock.later(waitMs, () => {
      if (this.#closed || this.#stream !== stream || this.#answered >= probe) return;
      stream.close();
      this.#lost('no pong');
    });
  }

  /** Something else was reached after an outage. */
  retry(): void {
    if (this.#stream !== undefined) {
      this.#doubt(this.#stream, PING_TIMEOUT_MS);
      return;
    }
    const { now } = this.#options.world.clock;
    const hangs = this.#dial !== undefined && now - this.#dial.atMs >= HANGING_DIAL_MS;
    if (this.#dial === undefined || hangs) this.#connectAnew();
  }

  close(): void {
    this.#closed = true;
    this.#timer.close();
    this.#dial?.dial.cancel();
    this.#stream?.close();
    this.#stream = undefined;
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (;;) {
      const output = this.#closed ? undefined : this.#client.poll();
      if (output === undefined) break;
      if (output.type === 'connect') this.#connect();
      else if (output.type === 'request') this.#request(output);
      else if (output.type === 'cancel') this.#cancel(output.id);
      else if (output.type === 'probe') this.#probeStream();
      else this.#options.onOutput(output);
    }
    this.#draining = false;
    this.#timer.rearm();
  }

  #connectAnew(): void {
    if (this.#dial !== undefined) {
      this.#dial.dial.cancel();
      this.#dial = undefined;
      this.handle({ type: 'disconnected', reason: 'the dial was begun again' });
    }
    this.handle({ type: 'link-changed' });
  }

  #connect(): void {
    this.#stream?.close();
    this.#stream = undefined;
    const { world, host, server } = this.#options;
    const pending = dial<FromControl, ToControl>(
      world,
      host,
      server,
      (stream) => {
        this.#dial = undefined;
        this.#adopt(stream);
      },
      (reason) => {
        this.#dial = undefined;
        this.handle({ type: 'disconnected', reason });
      },
    );
    this.#dial = { dial: pending, atMs: world.clock.now };
  }

  #adopt(stream: ControlClientEnd): void {
    this.#stream = stream;
    this.#answered = this.#probe;
    stream.events = {
      onMessage: (message) => this.#take(message),
      onClosed: (reason) => {
        if (this.#stream !== stream) return;
        this.#lost(reason);
      },
    };
    this.#write(stream, { type: 'hello', machineKey: this.#options.machineKey });
    this.#options.onConnected();
    this.handle({ type: 'connected' });
  }

  #lost(reason: string): void {
    this.#stream = undefined;
    this.#requests.clear();
    this.handle({ type: 'disconnected', reason });
  }

  #request(output: Extract<ControlClientOutput, { readonly type: 'request' }>): void {
    const { id, path, body, streaming, timeoutMs } = output;
    const { clock } = this.#options.world;
    const stream = this.#stream;
    if (stream === undefined) {
      clock.later(0, () => this.handle({ type: 'request-failed', id, reason: 'not connected' }));
      return;
    }
    const request = { streaming };
    this.#requests.set(id, request);
    this.#write(stream, { type: 'request', id, path, body });
    if (timeoutMs === undefined) return;
    clock.later(timeoutMs, () => {
      if (this.#requests.get(id) !== request) return;
      this.#cancel(id);
      this.handle({ type: 'request-failed', id, reason: 'no answer in time' });
    });
  }

  #cancel(id: RequestId): void {
    const isOpen = this.#requests.delete(id);
    if (isOpen && this.#stream !== undefined) this.#write(this.#stream, { type: 'cancel', id });
  }

  #take(message: FromControl): void {
    if (message.type === 'pong') {
      this.#answered = this.#probe;
      return;
    }
    const { id } = message;
    const request = this.#requests.get(id);
    if (request === undefined) return;
    if (message.type === 'bytes') {
      assert(request.streaming, 'only streams answer in pieces');
      this.handle({ type: 'stream-bytes', id, bytes: message.bytes });
      return;
    }
    this.#requests.delete(id);
    if (message.type === 'end') this.handle({ type: 'request-failed', id, reason: 'stream ended' });
    else this.handle({ type: 'response', id, status: message.status, body: message.body });
  }

  #write(stream: ControlClientEnd, message: ToControl): void {
    stream.write(message, wireBytes(message));
  }
}
