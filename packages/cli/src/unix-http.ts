/**
 * HTTP/1.1 with JSON over a unix socket, or over a connection that stands: one request, then one document, a line of
 * JSON after the other, or bytes. What a failure means to people is said by the callers (daemon, hub).
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

/** A document of a daemon with some 10,000 peers is about 10 MB. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** No event or pong comes near this. */
const MAX_LINE_CHARS = 1024 * 1024;

export type SocketFailureKind =
  /** Nobody listens there. */
  | 'absent'
  /** The socket belongs to somebody else. */
  | 'denied'
  /** The connection broke, or nothing came in time. */
  | 'lost'
  /** What came isn't JSON, or has no end. */
  | 'garbled';

/** Why a request over a socket has no answer. */
export class SocketFailure extends Error {
  readonly kind: SocketFailureKind;

  constructor(kind: SocketFailureKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'SocketFailure';
    this.kind = kind;
  }
}

export interface SocketRequest {
  /** A unix socket's path, or a connection, which is closed at the end. */
  readonly socketPath: string | Socket;
  /** The Host header: servers refuse requests that a browser could have been tricked into. */
  readonly host: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Of the Authorization header. */
  readonly authorization?: string;
  readonly signal: AbortSignal;
  /** The longest silence, before the answer and inside it; absent: for ever. */
  readonly silenceMs?: number;
}

export interface SocketDocument {
  readonly status: number;
  readonly body: unknown;
}

/** What to throw for `error`; an abort breaks connections in several ways, but is always itself. */
function failureOf(error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason as Error;
  if (error instanceof SocketFailure) return error;
  if (!(error instanceof Error)) return new SocketFailure('lost', String(error));
  const { code } = error as NodeJS.ErrnoException;
  const kinds: Readonly<Record<string, SocketFailureKind>> = {
    ENOENT: 'absent',
    ECONNREFUSED: 'absent',
    ENOTDIR: 'absent',
    ENOTSOCK: 'absent',
    EACCES: 'denied',
    EPERM: 'denied',
  };
  return new SocketFailure(kinds[code ?? ''] ?? 'lost', error.message, { cause: error });
}

/** Sends the request and resolves when the answer's head is here. */
function open(asked: SocketRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = asked.body === undefined ? undefined : JSON.stringify(asked.body);
    const { socketPath: place, authorization } = asked;
    const request = httpRequest({
      // With an agent, even none, Node.js would dial by itself.
      ...(typeof place === 'string'
        ? { socketPath: place, agent: false }
        : { createConnection: () => place }),
      method: asked.method,
      path: asked.path,
      signal: asked.signal,
      headers: {
        host: asked.host,
        connection: 'close',
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    if (asked.silenceMs !== undefined) {
      request.setTimeout(asked.silenceMs, () => {
        request.destroy(new SocketFailure('lost', `no answer within ${asked.silenceMs} ms`));
      });
    }
    request.on('error', (error) => reject(failureOf(error, asked.signal)));
    request.on('response', resolve);
    request.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SocketFailure('garbled', 'the answer is not JSON', { cause });
  }
}

async function readDocument(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_DOCUMENT_BYTES) throw new SocketFailure('garbled', 'the answer has no end');
    parts.push(part);
  }
  return parse(Buffer.concat(parts).toString('utf8'));
}

/** One request, one JSON document. Throws {@link SocketFailure}, or the signal's AbortError. */
export async function requestDocument(asked: SocketRequest): Promise<SocketDocument> {
  const response = await open(asked);
  try {
    return { status: response.statusCode ?? 0, body: await readDocument(response) };
  } catch (error) {
    throw failureOf(error, asked.signal);
  }
}

/** The answer's bytes when its status is below 400, else its document. Throws as {@link requestDocument}. */
export async function requestBytes(
  asked: SocketRequest,
): Promise<SocketDocument | AsyncIterable<Uint8Array>> {
  const response = await open(asked);
  const status = response.statusCode ?? 0;
  if (status < 400) return readParts(response, asked.signal);
  try {
    return { status, body: await readDocument(response) };
  } catch (error) {
    throw failureOf(error, asked.signal);
  }
}

async function* readParts(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const part of response as AsyncIterable<Buffer>) yield part;
  } catch (error) {
    throw failureOf(error, signal);
  }
}

export interface SocketLines {
  readonly status: number;
  /** Of a status of 400 or above: its document; then there are no lines. */
  readonly refusal: unknown;
  /** Ends with the answer; leaving the loop closes the connection. */
  readonly lines: AsyncIterable<unknown>;
}

async function* readLines(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let held = '';
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      held += decoder.write(part);
      let end = held.indexOf('\n');
      while (end >= 0) {
        const line = held.slice(0, end);
        held = held.slice(end + 1);
        if (line.trim() !== '') yield parse(line);
        end = held.indexOf('\n');
      }
      if (held.length > MAX_LINE_CHARS) throw new SocketFailure('garbled', 'a line has no end');
    }
  } catch (error) {
    throw failureOf(error, signal);
  }
  if (held.trim() !== '') throw new SocketFailure('lost', 'the answer ended inside a line');
}

/** One request, a line of JSON after the other. Throws as {@link requestDocument}, also while reading. */
export async function requestLines(asked: SocketRequest): Promise<SocketLines> {
  const response = await open(asked);
  const status = response.statusCode ?? 0;
  if (status < 400) return { status, refusal: undefined, lines: readLines(response, asked.signal) };
  try {
    return {
      status,
      refusal: await readDocument(response),
      lines: readLines(response, asked.signal),
    };
  } catch (error) {
    throw failureOf(error, asked.signal);
  }
}
