/**
 * A TCP port for load balancers that can't check UDP: it answers a connect, and an HTTP GET with 200 `ok` while
 * the node runs and its UDP socket is open, else 503 and why.
 *
 * Anybody may connect, so everything is small and short: few connections, tiny requests, seconds.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { NodeError } from '../errors.js';

/** Balancers check from a few addresses; more than this is a flood, which must not cost files. */
const MAX_CONNECTIONS = 128;
/** A check's request line and headers have a few hundred bytes. */
const MAX_HEADER_BYTES = 4_096;
/** A whole check; one that only connects hangs up by itself. */
const REQUEST_MS = 5_000;
/** How often connections past {@link REQUEST_MS} are looked for. */
const SWEEP_MS = 1_000;

/** Why the node can't serve now; undefined: it can. */
export type HealthVerdict = () => string | undefined;

export class HealthPort {
  readonly #server: Server;

  private constructor(verdict: HealthVerdict) {
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: SWEEP_MS,
        keepAlive: false,
      },
      (request, response) => answer(request, response, verdict()),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.maxRequestsPerSocket = 1;
    this.#server.timeout = REQUEST_MS;
  }

  /** Listens on all addresses of both families (or on `hosts`), or of IPv4 where that is all. Throws HEALTH_PORT. */
  static async open(
    port: number,
    verdict: HealthVerdict,
    hosts: readonly [string, string] = ['::', '0.0.0.0'],
  ): Promise<HealthPort> {
    const health = new HealthPort(verdict);
    try {
      await health.#listen(port, hosts[0]).catch((error: unknown) => {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
        return health.#listen(port, hosts[1]);
      });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new NodeError(
        'HEALTH_PORT',
        `TCP port ${port} for health checks can't be opened (${code ?? message})`,
        code === 'EACCES'
          ? 'ports below 1024 are for root: choose another one with --health-port'
          : 'another program listens there: choose another one with --health-port',
        { cause },
      );
    }
    return health;
  }

  /** The port it listens on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host }, () => {
        this.#server.off('error', reject);
        // What fails later concerns one connection, which is closed.
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  problem: string | undefined,
): void {
  response.on('error', () => undefined);
  // A body is nobody's business here; the connection ends with the answer.
  const isAsking = request.method === 'GET' || request.method === 'HEAD';
  const status = isAsking ? (problem === undefined ? 200 : 503) : 405;
  const text = isAsking ? (problem ?? 'ok') : 'only GET';
  response.writeHead(status, {
    'content-type': 'text/plain',
    'cache-control': 'no-store',
    connection: 'close',
    ...(isAsking ? {} : { allow: 'GET, HEAD' }),
  });
  response.end(request.method === 'HEAD' ? undefined : `${text}\n`);
}
