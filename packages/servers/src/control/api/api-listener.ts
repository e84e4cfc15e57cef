/** The admin API for Node's HTTP servers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type AdminApi, API_PATH } from './api-app.js';

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** `isLocal`: on a socket that only the operator can open. */
export function apiListener(api: AdminApi, isLocal: boolean): RequestListener {
  const listener = getRequestListener(
    (request, { incoming }) =>
      api.fetch(request, isLocal ? null : (incoming.socket.remoteAddress ?? 'unknown')),
    // Else the process would get other Request and Response classes than Node's.
    { overrideGlobalObjects: false },
  );
  return (request, response) => void listener(request, response);
}

/** True for what this API answers on a port that others share. */
export function isApiPath(path: string): boolean {
  return path === API_PATH || path.startsWith(`${API_PATH}/`);
}
