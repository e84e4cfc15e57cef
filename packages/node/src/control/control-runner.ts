/**
 * Runs a ControlClient: opens connections when it asks, carries its requests, arms its timer. What
 * happened goes up through the events; nothing is decided here.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { arch, platform, release } from 'node:os';
import type { JsonObject } from '@warren/core/base/json';
import type { HubPins } from '@warren/core/control/auth-key';
import { ControlClient } from '@warren/core/control/client';
import type { ControlClientInput, ControlClientOutput, RequestId } from '@warren/core/control/io';
import { pingTimeoutMs } from '@warren/core/control/ping-answers';
import type { Prefix } from '@warren/core/ip/prefix';
import type { DiscoKey, MachinePrivateKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import { NodeError } from '../errors.js';
import { VERSION } from '../version.js';
import { openControlSession } from './control-connection.js';
import { parseLoginServer } from './login-server.js';
import { headOutside } from './outside-head.js';
import { readRetryAfter } from './retry-after.js';

export interface ControlRunnerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** `https://host[:port]`. */
  readonly url: string;
  readonly pins: HubPins | undefined;
  readonly machinePrivateKey: MachinePrivateKey;
  /** Of an earlier login. */
  readonly nodePrivateKey: NodePrivateKey | undefined;
  readonly discoKey: DiscoKey;
  readonly hostName: string;
  /** That it asks for; absent: none. */
  readonly requestTags?: readonly string[] | undefined;
  /** Of this machine's SSH server; absent: none. */
  readonly sshHostKeys?: readonly string[];
  /** Networks behind this machine. */
  readonly announced?: readonly Prefix[];
}

export interface ControlRunnerEvents {
  readonly onOutput: (output: ControlClientOutput) => void;
  /** The connection could not be made; the client machine tries again by itself. */
  readonly onTrouble: (error: NodeError) => void;
  readonly onConnected: () => void;
}

/** For the answer to an HTTP/2 ping: a few round trips of a bad line. */
const PING_TIMEOUT_MS = 5_000;
/** The same when an address of ours is gone, and most probably the connection with it. */
const DOUBTFUL_PING_TIMEOUT_MS = 1_500;
/** A dial under way for longer hangs on packets that were lost: a new one is faster than their repetition. */
const HANGING_DIAL_MS = 2_000;
/** The largest answer outside the map stream; register answers are under a kilobyte. */
const MAX_RESPONSE_BYTES = 1024 * 1024;

type Request = Extract<ControlClientOutput, { readonly type: 'request' }>;

export class ControlRunner {
  readonly #options: ControlRunnerOptions;
  readonly #events: ControlRunnerEvents;
  readonly #url: URL;
  readonly #client: ControlClient;
  readonly #timer: MachineTimer;
  readonly #abort = new AbortController();
  readonly #streams = new Map<RequestId, ClientHttp2Stream>();
  #session: ClientHttp2Session | undefined;
  /** The dial under way. */
  #dial: { readonly abort: AbortController; readonly atMs: number } | undefined;
  /** Until the ping of a session in doubt is answered. */
  #probe: { readonly timer: NodeJS.Timeout; readonly waitMs: number } | undefined;
  #hostName: string;
  #announced: readonly Prefix[];
  #draining = false;

  /** Throws a {@link NodeError} for an address that is none. */
  constructor(options: ControlRunnerOptions, events: ControlRunnerEvents) {
    this.#options = options;
    this.#events = events;
    this.#url = parseLoginServer(options.url);
    this.#hostName = options.hostName;
    this.#announced = options.announced ?? [];
    this.#client = new ControlClient({
      crypto: options.crypto,
      random: options.random,
      nodeKey: options.nodePrivateKey,
      discoKey: options.discoKey,
      hostInfo: this.#hostInfo(),
      ephemeral: false,
      // Which of them are used is decided later, and anew while the node runs.
      acceptRoutes: true,
      origin: this.#url.origin,
    });
    this.#timer = new MachineTimer(this.#client, options.clock, () =>
      this.handle({ type: 'timeout' }),
    );
  }

  /** What control said that was not taken, by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#client.counters.snapshot();
  }

  handle(input: ControlClientInput): void {
    if (this.#abort.signal.aborted) return;
    this.#client.handle(input, this.#options.clock.now());
    this.#drain();
  }

  /** Tells control how this machine is called now. */
  setHostName(hostName: string): void {
    this.#hostName = hostName;
    this.#tellHostInfo();
  }

  /** Tells control which networks are behind this machine now. */
  setAnnounced(announced: readonly Prefix[]): void {
    this.#announced = announced;
    this.#tellHostInfo();
  }

  #tellHostInfo(): void {
    this.handle({ type: 'host-info', hostInfo: this.#hostInfo() });
  }

  #hostInfo(): JsonObject {
    const { requestTags = [], sshHostKeys = [] } = this.#options;
    return {
      ...hostInfo(this.#hostName, this.#announced, requestTags),
      ...(sshHostKeys.length === 0 ? {} : { sshHostKeys }),
    };
  }

  /** The connection to control stands, as far as anybody knows. */
  get isConnected(): boolean {
    return this.#session?.destroyed === false;
  }

  /**
   * Another network: a connection that died with the old one is found out now, not at the next message.
   * `lostAddress`: one of our addresses is gone.
   */
  linkChanged(lostAddress = false): void {
    if (this.#session === undefined) this.#connectAnew();
    else this.#doubt(this.#session, lostAddress ? DOUBTFUL_PING_TIMEOUT_MS : PING_TIMEOUT_MS);
  }

  #probeSession(): void {
    if (this.#session !== undefined) this.#doubt(this.#session, PING_TIMEOUT_MS);
  }

  /** A session that does not answer is given up. */
  #doubt(session: ClientHttp2Session, waitMs: number): void {
    // A question that is open already is not given more time by the next one.
    if (this.#probe !== undefined && this.#probe.waitMs <= waitMs) return;
    this.#endProbe();
    const giveUp = (): void => {
      this.#probe = undefined;
      session.destroy();
    };
    const probe = { timer: setTimeout(giveUp, waitMs), waitMs };
    this.#probe = probe;
    if (session.destroyed) return;
    // Also called when the session ends before the answer.
    session.ping(() => {
      if (this.#probe === probe) this.#endProbe();
    });
  }

  #endProbe(): void {
    clearTimeout(this.#probe?.timer);
    this.#probe = undefined;
  }

  /**
   * Something else has just been reached after an outage: don't wait out a pause, nor a dial that hangs. A
   * session that stood through it may be one that only we know of.
   */
  retry(): void {
    if (this.#session !== undefined) {
      this.#doubt(this.#session, PING_TIMEOUT_MS);
      return;
    }
    const hangs =
      this.#dial !== undefined && performance.now() - this.#dial.atMs >= HANGING_DIAL_MS;
    if (this.#dial === undefined || hangs) this.#connectAnew();
  }

  close(): void {
    this.#abort.abort();
    this.#timer.close();
    this.#endProbe();
    this.#session?.destroy();
    this.#session = undefined;
  }

  #drain(): void {
    // What the events lead to may come back here; the loop that runs already carries it out.
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (;;) {
        const output = this.#abort.signal.aborted ? undefined : this.#client.poll();
        if (output === undefined) break;
        if (output.type === 'connect') void this.#connect();
        else if (output.type === 'request' && output.outside === true) void this.#fetch(output);
        else if (output.type === 'request') this.#request(output);
        else if (output.type === 'cancel') this.#cancel(output.id);
        else if (output.type === 'probe') this.#probeSession();
        else this.#events.onOutput(output);
      }
    } finally {
      this.#draining = false;
    }
    this.#timer.rearm();
  }

  /** Ends the pause before the next dial; a dial under way is begun again. */
  #connectAnew(): void {
    if (this.#dial === undefined) this.handle({ type: 'link-changed' });
    else this.#dial.abort.abort();
  }

  async #connect(): Promise<void> {
    this.#session?.destroy();
    this.#session = undefined;
    const dial = { abort: new AbortController(), atMs: performance.now() };
    this.#dial = dial;
    const signal = AbortSignal.any([this.#abort.signal, dial.abort.signal]);
    let session: ClientHttp2Session;
    try {
      session = await openControlSession({ ...this.#options, url: this.#url, signal });
    } catch (error) {
      this.#dial = undefined;
      if (this.#abort.signal.aborted) return;
      if (dial.abort.signal.aborted) this.#redial();
      else this.#fail(error);
      return;
    }
    this.#dial = undefined;
    if (this.#abort.signal.aborted) session.destroy();
    else this.#adopt(session);
  }

  #redial(): void {
    this.handle({ type: 'disconnected', reason: 'the dial was begun again' });
    this.handle({ type: 'link-changed' });
  }

  #fail(cause: unknown): void {
    const error =
      cause instanceof NodeError ? cause : unexpected(this.#url.host, cause, this.#options.log);
    this.#options.log.warn('control server not connected', {
      code: error.code,
      reason: error.message,
    });
    this.#events.onTrouble(error);
    this.handle({ type: 'disconnected', reason: error.message });
  }

  #adopt(session: ClientHttp2Session): void {
    this.#session = session;
    session.on('error', (error: Error) =>
      this.#options.log.debug('control session error', { reason: error.message }),
    );
    // A server that says goodbye takes no more requests: wait for its successor, not for its last word.
    session.on('goaway', () => session.destroy());
    session.on('close', () => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#endProbe();
      this.#options.log.info('control connection closed');
      this.handle({ type: 'disconnected', reason: 'the control connection closed' });
    });
    this.#events.onConnected();
    this.handle({ type: 'connected' });
  }

  /** Needs no session: it has a connection of its own. */
  async #fetch({ id, path, timeoutMs = pingTimeoutMs }: Request): Promise<void> {
    const { pins } = this.#options;
    const server = { url: this.#url, pins, signal: this.#abort.signal };
    let ended: ControlClientInput;
    try {
      const status = await headOutside(server, path, timeoutMs);
      ended = { type: 'response', id, status, body: new Uint8Array() };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.debug('what control asked to fetch was not fetched', { reason });
      ended = { type: 'request-failed', id, reason };
    }
    this.handle(ended);
  }

  #request(output: Request): void {
    const { id, streaming } = output;
    const session = this.#session;
    // A closed session takes no requests; its `close` event follows.
    if (session === undefined || session.destroyed || session.closed) {
      this.#later({ type: 'request-failed', id, reason: 'not connected' });
      return;
    }
    const stream = session.request({
      ':method': output.method ?? 'POST',
      ':path': output.path,
      'content-type': 'application/json',
    });
    this.#streams.set(id, stream);
    // Not the stream's own timeout, which counts silence: an answer may drip.
    const timer =
      output.timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.#giveUp(id, stream), output.timeoutMs);
    let status = 0;
    let retryAfterMs: number | undefined;
    let parts: Buffer[] = [];
    let length = 0;
    const take = (bytes: Buffer): void => {
      if (streaming && status === 200) {
        this.handle({ type: 'stream-bytes', id, bytes });
        return;
      }
      length += bytes.length;
      if (length > MAX_RESPONSE_BYTES) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else parts.push(bytes);
    };
    stream.on('data', take);
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
      retryAfterMs = readRetryAfter(headers['retry-after'], Date.now());
      // Node tells of data that came in one segment with the head before it tells of the head.
      const early = parts;
      parts = [];
      length = 0;
      for (const bytes of early) take(bytes);
    });
    stream.on('error', () => undefined); // `close` follows and tells
    stream.on('close', () => {
      clearTimeout(timer);
      if (this.#streams.get(id) !== stream) return; // cancelled
      this.#streams.delete(id);
      // An answer whose connection broke ends like a whole one; what came of it may be a part.
      const isCut = stream.rstCode !== constants.NGHTTP2_NO_ERROR || session.destroyed;
      const failed = isCut || status === 0;
      if (failed || (streaming && status === 200)) {
        this.handle({ type: 'request-failed', id, reason: `stream ended (${stream.rstCode})` });
      } else {
        this.handle({ type: 'response', id, status, body: Buffer.concat(parts), retryAfterMs });
      }
    });
    // A request without a body has ended already.
    if (output.method === undefined) stream.end(output.body);
  }

  #giveUp(id: RequestId, stream: ClientHttp2Stream): void {
    if (this.#streams.get(id) !== stream) return;
    this.#cancel(id);
    this.handle({ type: 'request-failed', id, reason: 'no answer in time' });
  }

  #cancel(id: RequestId): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** Outside the drain that asked for it: a machine is never re-entered. */
  #later(input: ControlClientInput): void {
    queueMicrotask(() => this.handle(input));
  }
}

/** An error that nobody foresaw is our bug, but no reason to end a node that runs. */
function unexpected(where: string, cause: unknown, log: Logger): NodeError {
  log.error('the control connection failed in an unforeseen way', { error: cause });
  const message = cause instanceof Error ? cause.message : String(cause);
  return new NodeError(
    'CONTROL_REFUSED',
    `no connection to the control server ${where}: ${message}`,
    'this is a bug in Warren; please report it with the log',
    { cause },
  );
}

/** What control and peers may know of this machine, in control's spelling. */
function hostInfo(
  hostName: string,
  announced: readonly Prefix[],
  requestTags: readonly string[],
): JsonObject {
  return {
    OS: platform() === 'darwin' ? 'macOS' : platform(),
    OSVersion: release(),
    Hostname: hostName,
    App: 'warren',
    IPNVersion: VERSION,
    GoArch: arch(),
    ...(announced.length === 0 ? {} : { RoutableIPs: announced }),
    ...(requestTags.length === 0 ? {} : { RequestTags: requestTags }),
  };
}
