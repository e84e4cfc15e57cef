/**
 * Serves the local API (protocol.ts) on a unix socket: routing, limits, errors. What the calls do is the
 * backend's business.
 *
 * The socket has mode 0600, so whoever may open it may drive the daemon. A live one is a second daemon and
 * refused.
 */
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { WarrenError } from '@warren/core/base/errors';
import { isServed, isTaken, listenPrivately, type PrivateSocket } from '@warren/shell/unix-socket';
import { readRouteChange } from '../config/route-settings.js';
import type { DnsQuestionText } from '../dns/query-report.js';
import { NodeError } from '../errors.js';
import type { DnsQueryReport, DnsStatusReport } from './dns-report.js';
import type { NetcheckLine, NetcheckReport } from './netcheck-report.js';
import type { PortMapReport } from './portmap-report.js';
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
} from './protocol.js';
import type { RoutesRequest } from './route-report.js';
import type { WhoisReport } from './whois-report.js';
import type { WhyReport } from './why-report.js';

/** The largest request is an `up` with an auth key of a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** Of one text in a request; a URL or a key is a few hundred characters. */
const MAX_TEXT_CHARACTERS = 2_048;
/** Of a list in a request; what a list may hold is its reader's business. */
const MAX_LIST_TEXTS = 256;
/** Faster pings would be a load, not a measurement. */
const MIN_INTERVAL_MS = 10;
/** Timers of more than 24 days fire at once; nobody waits longer than this for a ping. */
const MAX_WAIT_MS = 3_600_000;

export interface LocalApiBackend {
  status(): Promise<StatusReport>;
  up(request: UpRequest, emit: (event: UpEvent) => void, signal: AbortSignal): Promise<void>;
  down(): Promise<void>;
  ping(request: PingRequest, emit: (line: PingLine) => void, signal: AbortSignal): Promise<void>;
  /** Why a peer is reached as it is; the search for a better way is given its time. */
  why(peer: string, signal: AbortSignal): Promise<WhyReport>;
  /** A fresh check of the network; `emit` hears what takes long. */
  netcheck(onProgress: (message: string) => void): Promise<NetcheckReport>;
  /** What the port mapper found at the routers, asked anew. */
  portMap(): Promise<PortMapReport>;
  /** The relay map in use, as control servers spell it. */
  relayMap(): unknown;
  /** What is known of DNS now. */
  dnsStatus(): DnsStatusReport;
  /** Asks the node's own resolver. */
  dnsQuery(question: DnsQuestionText): Promise<DnsQueryReport>;
  /** Who has an address, or a name. */
  whois(wanted: string): WhoisReport;
  settings(): SettingsReport;
  /** Applies and keeps the changes. */
  changeSettings(request: SettingsRequest): SettingsReport;
  logout(): Promise<LogoutReport>;
  /** Called after the answer is out. */
  shutdown(): void;
}

/** An error as the API reports it; unknown ones are our bug. */
export function toErrorReport(error: unknown): ErrorReport {
  if (error instanceof WarrenError) {
    return { error: { code: error.code, message: error.message, hint: error.hint } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    error: { code: 'BUG', message, hint: 'this is a bug in Warren; please report it with the log' },
  };
}

/** Throws SOCKET_TAKEN when a daemon answers there. */
export async function requireFreeSocket(socketPath: string): Promise<void> {
  if (await isServed(socketPath)) throw taken(socketPath);
}

function taken(socketPath: string): NodeError {
  return new NodeError(
    'SOCKET_TAKEN',
    `another daemon already answers on ${socketPath}`,
    'commands use that one; to replace it, stop its service first; for a second node on this machine give --socket, --state-dir, --tun and --port',
  );
}

export class LocalApiServer {
  readonly #backend: LocalApiBackend;
  readonly #server: Server;
  #socket: PrivateSocket | undefined;

  private constructor(backend: LocalApiBackend) {
    this.#backend = backend;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Listens; rejects when another daemon answers there or the path can't be made. */
  static async listen(socketPath: string, backend: LocalApiBackend): Promise<LocalApiServer> {
    const api = new LocalApiServer(backend);
    try {
      mkdirSync(dirname(socketPath), { recursive: true, mode: 0o755 });
      api.#socket = await listenPrivately(api.#server, socketPath);
    } catch (cause) {
      if (isTaken(cause)) throw taken(socketPath);
      throw new NodeError(
        'SOCKET_RIGHTS',
        `the socket ${socketPath} could not be made: ${(cause as Error).message}`,
        'run as root, or choose a directory you may write to with --socket',
        { cause },
      );
    }
    return api;
  }

  async close(): Promise<void> {
    await this.#socket?.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.on('error', () => undefined); // who went away is not told
    try {
      if (request.headers.host !== LOCAL_API_HOST || request.headers.origin !== undefined) {
        sendJson(response, 403, toErrorReport(invalid('the request did not come from a command')));
        return;
      }
      await this.#route(request, response, gone.signal);
    } catch (error) {
      const status = error instanceof NodeError && error.code === 'REQUEST_INVALID' ? 400 : 500;
      if (response.headersSent) response.end(`${JSON.stringify(toErrorReport(error))}\n`);
      else sendJson(response, status, toErrorReport(error));
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const call = `${request.method ?? ''} ${path}`;
    if (call === 'GET /v0/whois') {
      sendJson(response, 200, this.#backend.whois(queryText(query, 'address')));
      return;
    }
    if (call === 'GET /v0/dns/query') {
      const question = { name: queryText(query, 'name'), type: queryText(query, 'type') };
      sendJson(response, 200, await this.#backend.dnsQuery(question));
      return;
    }
    if (call === 'GET /v0/why') {
      sendJson(response, 200, await this.#backend.why(parseWhy(query), signal));
      return;
    }
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'GET /v0/status':
        sendJson(response, 200, await this.#backend.status());
        return;
      case 'POST /v0/up': {
        const body = parseUp(await readJson(request));
        const lines = new LineStream<UpEvent>(response);
        lines.start();
        try {
          await this.#backend.up(body, (event) => lines.write(event), signal);
        } catch (error) {
          lines.write({ event: 'error', error: toErrorReport(error).error });
        }
        response.end();
        return;
      }
      case 'POST /v0/ping': {
        const body = parsePing(await readJson(request));
        // The stream starts with its first line, so that an unknown peer is still a refusal by status.
        const lines = new LineStream<PingLine>(response);
        await this.#backend.ping(body, (line) => lines.write(line), signal);
        lines.start();
        response.end();
        return;
      }
      case 'GET /v0/dns':
        sendJson(response, 200, this.#backend.dnsStatus());
        return;
      case 'GET /v0/portmap':
        sendJson(response, 200, await this.#backend.portMap());
        return;
      case 'GET /v0/relay-map':
        sendJson(response, 200, this.#backend.relayMap());
        return;
      case 'GET /v0/settings':
        sendJson(response, 200, this.#backend.settings());
        return;
      case 'PATCH /v0/settings':
        sendJson(
          response,
          200,
          this.#backend.changeSettings(parseSettings(await readJson(request))),
        );
        return;
      case 'GET /v0/netcheck': {
        const lines = new LineStream<NetcheckLine>(response);
        try {
          const report = await this.#backend.netcheck((message) =>
            lines.write({ event: 'progress', message }),
          );
          lines.write({ event: 'report', report });
        } catch (error) {
          lines.write({ event: 'error', error: toErrorReport(error).error });
        }
        response.end();
        return;
      }
      case 'POST /v0/down':
        await this.#backend.down();
        sendJson(response, 200, {});
        return;
      case 'POST /v0/logout':
        sendJson(response, 200, await this.#backend.logout());
        return;
      case 'POST /v0/shutdown':
        response.on('finish', () => this.#backend.shutdown());
        sendJson(response, 200, {});
        return;
      default:
        sendJson(response, 404, toErrorReport(invalid('no such call in the local API')));
    }
  }
}

function invalid(message: string): NodeError {
  return new NodeError(
    'REQUEST_INVALID',
    message,
    'use the warren command of the same version as the daemon',
  );
}

function parseUp(body: unknown): UpRequest {
  const { loginServer, authKey, hostName, forceReauth, acceptDns, advertiseTags } = body as Record<
    string,
    unknown
  >;
  if (forceReauth !== undefined && typeof forceReauth !== 'boolean') {
    throw invalid('forceReauth is neither true nor false');
  }
  return {
    ...(forceReauth === undefined ? {} : { forceReauth }),
    ...textField('loginServer', loginServer),
    ...textField('authKey', authKey),
    ...textField('hostName', hostName),
    ...flagField('acceptDns', acceptDns),
    ...(advertiseTags === undefined ? {} : { advertiseTags: textList(advertiseTags) }),
  };
}

function parseSettings(body: unknown): SettingsRequest {
  const { staticEndpoints, hostName, hardNats, acceptDns, routes } = body as Record<
    string,
    unknown
  >;
  const change = routes === undefined ? undefined : readRouteChange(routes);
  if (routes !== undefined && change === undefined) throw invalid('routes make no sense');
  return {
    ...textField('hostName', hostName),
    ...flagField('hardNats', hardNats),
    ...flagField('acceptDns', acceptDns),
    ...(change === undefined ? {} : { routes: change as RoutesRequest }),
    ...(staticEndpoints === undefined ? {} : { staticEndpoints: textList(staticEndpoints) }),
  };
}

function textList(value: unknown): string[] {
  const isList = Array.isArray(value) && value.length <= MAX_LIST_TEXTS;
  if (!isList) throw invalid('a list is none, or a very long one');
  return value.map((text: unknown) => {
    if (typeof text === 'string' && text.length <= MAX_TEXT_CHARACTERS) return text;
    throw invalid('a list holds something else than texts');
  });
}

function textField<Name extends string>(name: Name, value: unknown): { [Key in Name]?: string } {
  if (value === undefined) return {};
  if (typeof value !== 'string' || value === '' || value.length > MAX_TEXT_CHARACTERS) {
    throw invalid(`${name} is no text, an empty one or a very long one`);
  }
  return { [name]: value } as { [Key in Name]?: string };
}

function flagField<Name extends string>(name: Name, value: unknown): { [Key in Name]?: boolean } {
  if (value === undefined) return {};
  if (typeof value !== 'boolean') throw invalid(`${name} is neither true nor false`);
  return { [name]: value } as { [Key in Name]?: boolean };
}

function parsePing(body: unknown): PingRequest {
  const { peer, count, untilDirect, intervalMs, timeoutMs } = body as Record<string, unknown>;
  if (typeof peer !== 'string' || peer === '') throw invalid('a ping names its peer');
  return {
    peer,
    ...(typeof count === 'number' && count > 0 ? { count: Math.floor(count) } : {}),
    ...(typeof untilDirect === 'boolean' ? { untilDirect } : {}),
    ...(typeof intervalMs === 'number' && intervalMs >= MIN_INTERVAL_MS
      ? { intervalMs: Math.min(intervalMs, MAX_WAIT_MS) }
      : {}),
    ...(typeof timeoutMs === 'number' && timeoutMs > 0
      ? { timeoutMs: Math.min(timeoutMs, MAX_WAIT_MS) }
      : {}),
  };
}

function parseWhy(query: string): string {
  const peer = new URLSearchParams(query).get('peer') ?? '';
  if (peer === '' || peer.length > MAX_TEXT_CHARACTERS) throw invalid('`why` names its peer');
  return peer;
}

function queryText(query: string, name: string): string {
  const text = new URLSearchParams(query).get(name) ?? '';
  if (text === '' || text.length > MAX_TEXT_CHARACTERS) throw invalid(`the request has no ${name}`);
  return text;
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** A response of one JSON value a line, each sent at once. It starts with its first line or by `start`. */
class LineStream<Line> {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  start(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    this.#response.flushHeaders();
  }

  write(line: Line): void {
    this.start();
    if (!this.#response.writableEnded) this.#response.write(`${JSON.stringify(line)}\n`);
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY_BYTES) throw invalid('the request is too large');
    parts.push(part);
  }
  try {
    const json: unknown = JSON.parse(Buffer.concat(parts).toString('utf8') || '{}');
    if (typeof json === 'object' && json !== null) return json;
  } catch {
    // Answered below.
  }
  throw invalid('the request is not JSON');
}
