/**
 * How requests get to a hub's admin API: over its admin socket, where rights on the file decide, or over HTTPS with a
 * token. Failures are for people: no hub, no rights, a certificate that is not trusted.
 */
import { WarrenError } from '@warren/core/base/errors';
import { parseLoginServer, pinsOfServer } from '@warren/node/control/login-server';
import { connectTls } from '@warren/node/net/connect-tls';
import { parsePin } from '@warren/shell/tls/pins';
import { CliError, RightsError } from './errors.js';
import {
  requestBytes,
  requestDocument,
  type SocketDocument,
  SocketFailure,
  type SocketRequest,
} from './unix-http.js';

/** The hub answers from memory and writes a few rows, or at most its whole database; this long means it hangs. */
const ANSWER_MS = 10_000;
/** The Host header of the socket, which is guarded by its rights. */
const ADMIN_HOST = 'warren-hub';

/** Where a hub's admin API is. */
export type AdminPlace =
  | { readonly adminSocket: string }
  | {
      /** `https://host[:port]`, with the hub's pins behind a `#` where its certificate is its own. */
      readonly server: string;
      readonly token: string;
    };

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /api/v1. */
  readonly path: string;
  readonly body?: unknown;
}

export class AdminTransport {
  /** For people. */
  readonly name: string;
  readonly isLocal: boolean;
  readonly #place: AdminPlace;
  readonly #signal: AbortSignal;

  /** Throws LOGIN_SERVER_URL. */
  constructor(place: AdminPlace, signal: AbortSignal) {
    this.isLocal = 'adminSocket' in place;
    this.name = 'adminSocket' in place ? place.adminSocket : parseLoginServer(place.server).origin;
    this.#place = place;
    this.#signal = signal;
  }

  /** The answer, of whatever status. */
  async ask(request: AdminRequest): Promise<SocketDocument> {
    try {
      return await requestDocument(await this.#prepare(request));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** The bytes of an answer, or what refuses it. */
  async download(path: string): Promise<SocketDocument | AsyncIterable<Uint8Array>> {
    try {
      return await requestBytes(await this.#prepare({ method: 'GET', path }));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async #prepare({ method, path, body }: AdminRequest): Promise<SocketRequest> {
    const common = {
      method,
      path: `/api/v1${path}`,
      signal: this.#signal,
      silenceMs: ANSWER_MS,
      ...(body === undefined ? {} : { body }),
    };
    if ('adminSocket' in this.#place) {
      return { ...common, socketPath: this.#place.adminSocket, host: ADMIN_HOST };
    }
    const { server, token } = this.#place;
    const url = parseLoginServer(server);
    const pins = pinsOfServer(server);
    const socketPath = await connectTls({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 443 : Number(url.port),
      pin: pins === undefined ? undefined : parsePin(`sha256-raw:${pins.certificateSha256}`),
      timeoutMs: ANSWER_MS,
      signal: this.#signal,
    });
    return { ...common, socketPath, host: url.host, authorization: `Bearer ${token}` };
  }

  #explained(error: unknown): unknown {
    if (error instanceof WarrenError && error.code === 'TLS_UNTRUSTED') {
      return new WarrenError(
        error.code,
        error.message,
        'give the whole address that `warren control tokens create` printed on the hub: what stands behind its # is the pin',
        { cause: error },
      );
    }
    return error instanceof SocketFailure ? this.#explain(error) : error;
  }

  #explain(failure: SocketFailure): CliError {
    switch (failure.kind) {
      case 'absent':
        return new CliError(
          'HUB_ABSENT',
          `no hub answers on its admin socket ${this.name}`,
          'start it with `warren hub`, or name its socket with --admin-socket',
          { cause: failure },
        );
      case 'denied':
        return new RightsError(
          `talk to the hub on ${this.name}`,
          'run the command as the user that runs the hub, for example with sudo',
        );
      case 'lost':
        return new CliError(
          'HUB_LOST',
          `the hub on ${this.name} stopped answering: ${failure.message}`,
          'see its log, and whether it still runs',
          { cause: failure },
        );
      case 'garbled':
        return this.misunderstood(failure);
    }
  }

  /** An answer that makes no sense. */
  misunderstood(cause?: unknown): CliError {
    return new CliError(
      'HUB_ANSWER',
      `what answers on ${this.name} is not a hub that this command understands`,
      'use the command and the hub of one version, and the right address',
      { cause },
    );
  }
}
