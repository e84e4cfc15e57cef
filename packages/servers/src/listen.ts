/** Binding sockets with errors that a person can act on. */
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { ListenError, type ListenErrorCode } from './errors.js';

/** Where to listen; without a host on every address of both families. */
export interface ListenAddress {
  readonly host?: string | undefined;
  /** 0: any free port. */
  readonly port: number;
}

const CODES: Readonly<Record<string, ListenErrorCode>> = {
  EADDRINUSE: 'PORT_TAKEN',
  EACCES: 'PORT_DENIED',
  EPERM: 'PORT_DENIED',
  EADDRNOTAVAIL: 'ADDRESS_UNAVAILABLE',
  EAFNOSUPPORT: 'ADDRESS_UNAVAILABLE',
};

const HINTS: Readonly<Record<ListenErrorCode, string>> = {
  PORT_TAKEN: 'Stop the other program (`ss -lntup` shows it), or choose another port.',
  PORT_DENIED:
    'Ports below 1024 need rights: use sudo, grant CAP_NET_BIND_SERVICE, or choose a port above 1023.',
  ADDRESS_UNAVAILABLE: 'Listen on an address that `ip address` shows, or leave it out for all.',
  LISTEN_FAILED: 'Check the address, the port and the limits of this system.',
};

/** What a failed listen means to people. `where` is such as `TCP port 443`. */
export function listenError(where: string, cause: unknown): ListenError {
  const errno = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? '') : '';
  const code = CODES[errno] ?? 'LISTEN_FAILED';
  const reason = errno === '' ? String(cause) : errno;
  return new ListenError(code, `can't listen on ${where}: ${reason}`, HINTS[code], cause);
}

function describe(protocol: string, at: ListenAddress): string {
  return `${protocol} port ${at.port}${at.host === undefined ? '' : ` of ${at.host}`}`;
}

/** Listens and answers the port in use. */
export async function listenTcp(server: Server, at: ListenAddress): Promise<number> {
  try {
    server.listen(at.host === undefined ? { port: at.port } : { host: at.host, port: at.port });
    await once(server, 'listening');
  } catch (cause) {
    throw listenError(describe('TCP', at), cause);
  }
  return (server.address() as AddressInfo).port;
}

/** Binds and answers the port in use. */
export async function bindUdp(socket: Socket, at: ListenAddress): Promise<number> {
  try {
    socket.bind(at.host === undefined ? { port: at.port } : { address: at.host, port: at.port });
    await once(socket, 'listening');
  } catch (cause) {
    throw listenError(describe('UDP', at), cause);
  }
  return socket.address().port;
}
