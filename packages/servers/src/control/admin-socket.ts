/**
 * The operator's API: HTTP with JSON over a unix socket that only its owner can open.
 *
 *     POST   /v1/keys               AuthKeyRequest -> CreatedAuthKeyInfo
 *     GET    /v1/keys               {"keys": [AuthKeyInfo]}
 *     POST   /v1/keys/{id}/expire   AuthKeyInfo
 *     GET    /v1/nodes              {"nodes": [NodeInfo]}
 *     DELETE /v1/nodes/{id}         NodeInfo
 *     GET    /v1/info               what runs here
 *
 * Errors: 4xx or 5xx with {"code", "message", "hint"}.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WarrenError } from '@warren/core/base/errors';
import { asBoolean, asInteger, asObject, asString, parseJson } from '@warren/core/base/json';
import type { Logger } from '@warren/shell/log';
import { isTaken, listenPrivately, type PrivateSocket } from '@warren/shell/unix-socket';
import { ControlError } from '../errors.js';
import type { AuthKeyRequest, ControlAdmin } from './admin.js';

/** Requests have a few hundred bytes. */
const BODY_BYTES_MAX = 64 * 1024;

export interface AdminSocketOptions {
  readonly path: string;
  /** Asked at each request: the socket stands before the server behind it does. */
  readonly admin: () => ControlAdmin;
  readonly log: Logger;
  /** Answered to GET /v1/info. */
  readonly info: () => Readonly<Record<string, unknown>>;
}

/** Serves the API. A socket that a dead process left behind is replaced, a living one is not. */
export async function startAdminSocket(options: AdminSocketOptions): Promise<PrivateSocket> {
  const { path } = options;
  const server = createServer((request, response) => void answer(options, request, response));
  try {
    return await listenPrivately(server, path);
  } catch (cause) {
    if (isTaken(cause)) {
      throw new ControlError(
        'ADMIN_SOCKET_TAKEN',
        `a control server already runs: its admin socket is ${path}`,
        'Stop it first, or give this one another --admin-socket and --state-dir.',
      );
    }
    throw new ControlError(
      'ADMIN_SOCKET_PATH',
      `can't make the admin socket ${path}: ${cause instanceof Error ? cause.message : ''}`,
      'Its directory must exist and be writable, and the path have under 108 characters.',
      cause,
    );
  }
}

async function answer(
  options: AdminSocketOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request);
    const value = route(options, request, body);
    if (value === undefined) {
      send(response, 404, {
        code: 'REQUEST_INVALID',
        message: `no ${request.method ?? ''} ${request.url ?? ''} here`,
        hint: 'This socket serves /v1/keys, /v1/nodes and /v1/info.',
      });
    } else {
      send(response, 200, value);
    }
  } catch (error) {
    if (!(error instanceof WarrenError)) options.log.error('an admin request failed', { error });
    send(response, statusOf(error), {
      code: error instanceof WarrenError ? error.code : 'BUG',
      message: error instanceof Error ? error.message : 'failed',
      hint: error instanceof WarrenError ? error.hint : 'Please report it; the log has more.',
    });
  }
}

function statusOf(error: unknown): number {
  if (!(error instanceof ControlError)) return 500;
  if (error.code === 'STARTING') return 503;
  return error.code === 'AUTH_KEY_UNKNOWN' || error.code === 'NODE_UNKNOWN' ? 404 : 400;
}

function route(options: AdminSocketOptions, request: IncomingMessage, body: Uint8Array): unknown {
  const admin = options.admin();
  const parts = (request.url ?? '/').split('?', 1)[0]?.split('/').slice(1) ?? [];
  const [version, kind, id, verb, ...rest] = parts;
  if (version !== 'v1' || rest.length > 0) return undefined;
  const shape = [request.method, kind, id === undefined ? '' : 'id', verb ?? ''].join(' ').trim();
  switch (shape) {
    case 'POST keys':
      return admin.createAuthKey(readKeyRequest(body));
    case 'GET keys':
      return { keys: admin.listAuthKeys() };
    case 'POST keys id expire':
      return admin.expireAuthKey(id ?? '');
    case 'GET nodes':
      return { nodes: admin.listNodes() };
    case 'DELETE nodes id':
      return admin.deleteNode(asInteger(Number(id), 1) ?? 0);
    case 'GET info':
      return options.info();
    default:
      return undefined;
  }
}

function readKeyRequest(body: Uint8Array): AuthKeyRequest {
  if (body.length === 0) return {};
  const given = asObject(parseJson(body));
  const tags = given?.['tags'] ?? [];
  const isReadable =
    given !== undefined && Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  if (!isReadable) {
    throw new ControlError(
      'REQUEST_INVALID',
      'the request is not a JSON object with a list of tags',
      'Send {"reusable": true, "tags": ["tag:server"]} or the like.',
    );
  }
  const life = given['expiresInMs'];
  return {
    user: asString(given['user'], 256),
    tags,
    reusable: asBoolean(given['reusable']),
    ephemeral: asBoolean(given['ephemeral']),
    expiresInMs: life === null ? null : life === undefined ? undefined : Number(life),
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > BODY_BYTES_MAX) {
      throw new ControlError('REQUEST_INVALID', 'the request is too large', 'Send less.');
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}
