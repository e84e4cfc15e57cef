/**
 * Talks to the daemon over its socket (node's local-api/protocol.ts). Failures come as errors for people:
 * no daemon, no rights, a refusal with the daemon's own code and hint.
 */
import { WarrenError } from '@warren/core/base/errors';
import type { DnsQueryReport, DnsStatusReport } from '@warren/node/local-api/dns-report';
import type { NetcheckLine, NetcheckReport } from '@warren/node/local-api/netcheck-report';
import type { PortMapReport } from '@warren/node/local-api/portmap-report';
import {
  type ErrorReport,
  LOCAL_API_HOST,
  type LogoutReport,
  type PingLine,
  type PingRequest,
  type SettingsReport,
  type SettingsRequest,
  type StatusReport,
  type UpEvent,
  type UpRequest,
} from '@warren/node/local-api/protocol';
import type { WhoisReport } from '@warren/node/local-api/whois-report';
import type { WhyReport } from '@warren/node/local-api/why-report';
import { CliError, RightsError } from './errors.js';
import { requestDocument, requestLines, SocketFailure, type SocketRequest } from './unix-http.js';

/** A daemon that is alive answers from memory; this long means it hangs. */
const ANSWER_MS = 10_000;
/** `down` waits for the packet plane to stop. */
const DOWN_MS = 30_000;
/** A check takes 5 s and may wait for one that runs; the daemon gives up before this. */
const NETCHECK_SILENCE_MS = 20_000;
/** Routers are given 6 s to answer. */
const PORT_MAP_SILENCE_MS = 15_000;
/** The resolver gives up after 8 s. */
const DNS_SILENCE_MS = 15_000;
/** The search for a path is given 12 s where none has run yet. */
const WHY_SILENCE_MS = 30_000;
/** A ping's own 5 s and the pause to the next, with room for a busy machine. */
const PING_SILENCE_MS = 30_000;

/** Commands tell apart why there is no answer; `up` starts a daemon on `DAEMON_ABSENT`. */
function explain(failure: SocketFailure, socketPath: string): CliError {
  switch (failure.kind) {
    case 'absent':
      return new CliError(
        'DAEMON_ABSENT',
        `no Warren daemon answers on ${socketPath}`,
        'start it with `warren up`, or as a service; --socket names another one',
        { cause: failure },
      );
    case 'denied':
      return new RightsError(
        `talk to the daemon on ${socketPath}`,
        'run the command as root, for example with sudo',
      );
    case 'lost':
      return new CliError(
        'DAEMON_LOST',
        `the daemon on ${socketPath} stopped answering: ${failure.message}`,
        'see its log; `warren status` tells whether it still runs',
        { cause: failure },
      );
    case 'garbled':
      return answerError(socketPath, failure);
  }
}

function answerError(socketPath: string, cause?: unknown): CliError {
  return new CliError(
    'DAEMON_ANSWER',
    `the daemon on ${socketPath} answers what this command does not understand`,
    'restart the daemon: it is probably of another version than this command',
    { cause },
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isErrorReport(value: unknown): value is ErrorReport {
  if (!isObject(value) || !isObject(value['error'])) return false;
  const { code, message, hint } = value['error'];
  return typeof code === 'string' && typeof message === 'string' && typeof hint === 'string';
}

function isStatusReport(value: unknown): value is StatusReport {
  return (
    isObject(value) &&
    typeof value['state'] === 'string' &&
    Array.isArray(value['peers']) &&
    Array.isArray(value['health'])
  );
}

function isWhyReport(value: unknown): value is WhyReport {
  if (!isObject(value) || typeof value['verdict'] !== 'string') return false;
  return Array.isArray(value['attempts']) && Array.isArray(value['fixes']);
}

/** An error that the daemon reported, as if it were thrown here. */
export function reportedError(report: ErrorReport['error']): WarrenError {
  return new WarrenError(report.code, report.message, report.hint);
}

export class LocalClient {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;

  constructor(socketPath: string, signal: AbortSignal) {
    this.#socketPath = socketPath;
    this.#signal = signal;
  }

  async status(): Promise<StatusReport> {
    const body = await this.#document('GET', '/v0/status', ANSWER_MS);
    if (!isStatusReport(body)) throw answerError(this.#socketPath);
    return body;
  }

  async down(): Promise<void> {
    await this.#document('POST', '/v0/down', DOWN_MS);
  }

  async logout(): Promise<LogoutReport> {
    const body = await this.#document('POST', '/v0/logout', DOWN_MS);
    if (!isObject(body) || typeof body['told'] !== 'boolean') throw answerError(this.#socketPath);
    return { told: body['told'] };
  }

  /** Ends the daemon. */
  async shutdown(): Promise<void> {
    await this.#document('POST', '/v0/shutdown', ANSWER_MS);
  }

  /** Ends with `running`, or throws what the daemon reported. */
  async *up(request: UpRequest, signal: AbortSignal): AsyncGenerator<UpEvent, void, undefined> {
    for await (const line of this.#lines('/v0/up', request, signal)) {
      if (!isObject(line) || typeof line['event'] !== 'string') throw answerError(this.#socketPath);
      const event = line as UpEvent;
      if (event.event === 'error') throw reportedError(event.error);
      yield event;
      if (event.event === 'running') return;
    }
    throw explain(new SocketFailure('lost', 'it ended before the node ran'), this.#socketPath);
  }

  /** A line per ping; throws what the daemon refused. */
  async *ping(request: PingRequest): AsyncGenerator<PingLine, void, undefined> {
    for await (const line of this.#lines('/v0/ping', request, this.#signal, PING_SILENCE_MS)) {
      if (isErrorReport(line)) throw reportedError(line.error);
      if (!isObject(line) || typeof line['path'] !== 'string') throw answerError(this.#socketPath);
      yield line as PingLine;
    }
  }

  /** A fresh check of the network; throws what the daemon refused. */
  async netcheck(onProgress: (message: string) => void): Promise<NetcheckReport> {
    const path = '/v0/netcheck';
    for await (const line of this.#lines(path, undefined, this.#signal, NETCHECK_SILENCE_MS)) {
      if (!isObject(line) || typeof line['event'] !== 'string') throw answerError(this.#socketPath);
      const event = line as NetcheckLine;
      if (event.event === 'error') throw reportedError(event.error);
      if (event.event === 'report') return event.report;
      onProgress(event.message);
    }
    throw explain(new SocketFailure('lost', 'it ended before the check did'), this.#socketPath);
  }

  /** Why a peer is reached as it is; throws what the daemon refused. */
  async why(peer: string): Promise<WhyReport> {
    const path = `/v0/why?peer=${encodeURIComponent(peer)}`;
    const body = await this.#document('GET', path, WHY_SILENCE_MS);
    if (!isWhyReport(body)) throw answerError(this.#socketPath);
    return body;
  }

  /** What the port mapper finds at the routers now. */
  async portMap(): Promise<PortMapReport> {
    const body = await this.#document('GET', '/v0/portmap', PORT_MAP_SILENCE_MS);
    if (!isObject(body) || !Array.isArray(body['routers'])) throw answerError(this.#socketPath);
    return body as unknown as PortMapReport;
  }

  /** What the daemon knows of DNS. */
  async dnsStatus(): Promise<DnsStatusReport> {
    const body = await this.#document('GET', '/v0/dns', ANSWER_MS);
    if (!isObject(body) || !isObject(body['system'])) throw answerError(this.#socketPath);
    return body as unknown as DnsStatusReport;
  }

  /** Asks the daemon's resolver; throws what it refused. */
  async dnsQuery(name: string, type: string): Promise<DnsQueryReport> {
    const query = new URLSearchParams({ name, type });
    const body = await this.#document('GET', `/v0/dns/query?${query.toString()}`, DNS_SILENCE_MS);
    if (!isObject(body) || !Array.isArray(body['answers'])) throw answerError(this.#socketPath);
    return body as unknown as DnsQueryReport;
  }

  /** Who has an address or a name; throws what the daemon refused. */
  async whois(wanted: string): Promise<WhoisReport> {
    const query = new URLSearchParams({ address: wanted });
    const body = await this.#document('GET', `/v0/whois?${query.toString()}`, ANSWER_MS);
    if (!isObject(body) || !isObject(body['machine'])) throw answerError(this.#socketPath);
    return body as unknown as WhoisReport;
  }

  async settings(): Promise<SettingsReport> {
    return this.#settingsReport(await this.#document('GET', '/v0/settings', ANSWER_MS));
  }

  /** Changes settings of the running daemon; answers all as they are now. */
  async changeSettings(request: SettingsRequest): Promise<SettingsReport> {
    const body = await this.#document('PATCH', '/v0/settings', ANSWER_MS, request);
    return this.#settingsReport(body);
  }

  #settingsReport(body: unknown): SettingsReport {
    if (!isObject(body) || !isObject(body['staticEndpoints'])) throw answerError(this.#socketPath);
    return body as unknown as SettingsReport;
  }

  /** The daemon's relay map, in control's spelling. */
  relayMap(): Promise<unknown> {
    return this.#document('GET', '/v0/relay-map', ANSWER_MS);
  }

  async #document(
    method: SocketRequest['method'],
    path: string,
    silenceMs: number,
    body?: unknown,
  ): Promise<unknown> {
    const asked = { ...this.#asked(method, path, this.#signal, silenceMs), body };
    try {
      const { status, body } = await requestDocument(asked);
      if (status >= 400) throw this.#refusal(body);
      return body;
    } catch (error) {
      throw error instanceof SocketFailure ? explain(error, this.#socketPath) : error;
    }
  }

  async *#lines(
    path: string,
    body: unknown,
    signal: AbortSignal,
    silenceMs?: number,
  ): AsyncGenerator<unknown, void, undefined> {
    const method = body === undefined ? 'GET' : 'POST';
    const asked = { ...this.#asked(method, path, signal, silenceMs), body };
    try {
      const { status, refusal, lines } = await requestLines(asked);
      if (status >= 400) throw this.#refusal(refusal);
      yield* lines;
    } catch (error) {
      throw error instanceof SocketFailure ? explain(error, this.#socketPath) : error;
    }
  }

  #asked(
    method: SocketRequest['method'],
    path: string,
    signal: AbortSignal,
    silenceMs: number | undefined,
  ): SocketRequest {
    return {
      socketPath: this.#socketPath,
      host: LOCAL_API_HOST,
      method,
      path,
      signal,
      ...(silenceMs === undefined ? {} : { silenceMs }),
    };
  }

  #refusal(body: unknown): WarrenError {
    return isErrorReport(body) ? reportedError(body.error) : answerError(this.#socketPath);
  }
}
