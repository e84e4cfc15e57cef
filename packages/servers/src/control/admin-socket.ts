/** The operator's unix socket: the admin API (api/), without tokens, for whoever may open it. */
import { createServer } from 'node:http';
import { isTaken, listenPrivately, type PrivateSocket } from '@warren/shell/unix-socket';
import { ControlError } from '../errors.js';
import type { AdminApi } from './api/api-app.js';
import { apiListener } from './api/api-listener.js';

/** Serves the API. A socket that a dead process left behind is replaced, a living one is not. */
export async function startAdminSocket(path: string, api: AdminApi): Promise<PrivateSocket> {
  const server = createServer(apiListener(api, true));
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
