/**
 * The operator's API: HTTP with JSON over a unix socket that only its owner can open.
 *
 *     POST   /v1/keys               AuthKeyRequest -> CreatedAuthKeyInfo
 *     GET    /v1/keys               {"keys": [AuthKeyInfo]}
 *     POST   /v1/keys/{id}/expire   AuthKeyInfo
 *     POST   /v1/codes              AuthKeyRequest -> CreatedCodeInfo
 *     GET    /v1/logins             {"logins": [LoginInfo]}
 *     POST   /v1/logins/{id}/approve  {"user": text; absent: owner} -> NodeInfo
 *     POST   /v1/logins/{id}/reject   LoginInfo
 *     GET    /v1/nodes              {"nodes": [NodeInfo]}
 *     DELETE /v1/nodes/{id}         NodeInfo
 *     POST   /v1/nodes/{id}/rename  {"name": text, or null for its host name's} -> NodeInfo
 *     POST   /v1/nodes/{id}/expire  {"expiresInMs": number; null: never; absent: now} -> NodeInfo
 *     POST   /v1/nodes/{id}/tag     TagRequest -> NodeInfo
 *     POST   /v1/nodes/{id}/routes  RoutesRequest -> NodeInfo
 *     POST   /v1/users              UserRequest -> UserInfo
 *     GET    /v1/users              {"users": [UserInfo]}
 *     DELETE /v1/users/{id}         UserInfo
 *     POST   /v1/users/{id}/rename  UserRequest -> UserInfo
 *     GET    /v1/policy             PolicyInfo
 *     POST   /v1/policy/check       {"text": a policy file} -> PolicyCheckInfo
 *     POST   /v1/backup             {"file": absolute path} -> the same
 *     GET    /v1/info               what runs here
 *
 * Errors: 4xx or 5xx with {"code", "message", "hint"}.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WarrenError } from '@warren/core/base/errors';
import { asInteger } from '@warren/core/base/json';
import type { Logger } from '@warren/shell/log';
import { isTaken, listenPrivately, type PrivateSocket } from '@warren/shell/unix-socket';
import { ControlError } from '../errors.js';
import type { ControlAdmin } from './admin.js';
import {
  readApproveRequest,
  readBackupRequest,
  readExpireRequest,
  readKeyRequest,
  readPolicyRequest,
  readRenameRequest,
  readRoutesRequest,
  readTagRequest,
  readUserRequest,
} from './admin-requests.js';

/** Requests have a few hundred bytes, but for a policy, which has a line for each thing that somebody may do. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;

const NOT_THERE: readonly string[] = [
  'AUTH_KEY_UNKNOWN',
  'LOGIN_UNKNOWN',
  'NODE_UNKNOWN',
  'USER_UNKNOWN',
];

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
    const value = await route(options, request, body);
    if (value === undefined) {
      send(response, 404, {
        code: 'REQUEST_INVALID',
        message: `no ${request.method ?? ''} ${request.url ?? ''} here`,
        hint: 'This socket serves /v1/keys, /v1/codes, /v1/logins, /v1/nodes, /v1/paths, /v1/policy, /v1/users, /v1/backup and /v1/info.',
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
  return NOT_THERE.includes(error.code) ? 404 : 400;
}

/** The answer or its promise; undefined: there is nothing of that name. */
function route(options: AdminSocketOptions, request: IncomingMessage, body: Uint8Array): unknown {
  const admin = options.admin();
  const parts = (request.url ?? '/').split('?', 1)[0]?.split('/').slice(1) ?? [];
  const [version, kind, id, verb, ...rest] = parts;
  if (version !== 'v1' || rest.length > 0) return undefined;
  // No node or user has the number 0.
  const number = asInteger(Number(id), 1) ?? 0;
  const shape = [request.method, kind, id === undefined ? '' : 'id', verb ?? ''].join(' ').trim();
  switch (shape) {
    case 'POST keys':
      return admin.createAuthKey(readKeyRequest(body));
    case 'GET keys':
      return { keys: admin.listAuthKeys() };
    case 'POST keys id expire':
      return admin.expireAuthKey(id ?? '');
    case 'POST codes':
      return admin.logins.createCode(readKeyRequest(body));
    case 'GET logins':
      return { logins: admin.logins.list() };
    case 'POST logins id approve':
      return admin.approveLogin(id ?? '', readApproveRequest(body));
    case 'POST logins id reject':
      return admin.logins.reject(id ?? '');
    case 'GET nodes':
      return { nodes: admin.listNodes() };
    case 'GET paths':
      return admin.listPaths();
    case 'DELETE nodes id':
      return admin.deleteNode(number);
    case 'POST nodes id rename':
      return admin.renameNode(number, readRenameRequest(body));
    case 'POST nodes id expire':
      return admin.expireNode(number, readExpireRequest(body));
    case 'POST nodes id tag':
      return admin.tagNode(number, readTagRequest(body));
    case 'POST nodes id routes':
      return admin.approveRoutes(number, readRoutesRequest(body));
    case 'POST users':
      return admin.createUser(readUserRequest(body));
    case 'GET users':
      return { users: admin.listUsers() };
    case 'DELETE users id':
      return admin.deleteUser(number);
    case 'POST users id rename':
      return admin.renameUser(number, readUserRequest(body));
    case 'GET policy':
      return admin.policy();
    case 'POST policy id':
      return id === 'check' ? admin.checkPolicy(readPolicyRequest(body)) : undefined;
    case 'POST backup':
      return admin.backup(readBackupRequest(body));
    case 'GET info':
      return options.info();
    default:
      return undefined;
  }
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
