/**
 * A TLS connection to a control server or relay: trusted by a pinned certificate or by the system's
 * authorities, within a time limit, with an error that says which of the three went wrong.
 */
import type { Socket, TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { familyOf, type IpAddress, parseAddress } from '@warren/core/ip/address';
import { type CertificatePin, verifyPinned } from '@warren/shell/tls/pins';
import { NodeError } from '../errors.js';
import { underlayDialer } from './underlay-dial.js';

export interface TlsTarget {
  /** Name or address to dial. */
  readonly host: string;
  /** Where the name (or the other address) leads, in the order to try; absent: the resolver knows. */
  readonly addresses?: readonly IpAddress[] | undefined;
  readonly port: number;
  /** Trust exactly this certificate; absent: the system's authorities and the name decide. */
  readonly pin?: CertificatePin | undefined;
  /** Name to verify and to send as SNI instead of `host`. */
  readonly serverName?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Node hands these on to TCP, which its types don't say. */
type HappyEyeballs = Pick<TcpNetConnectOpts, 'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout'>;

/** What OpenSSL and Node call a certificate that no authority vouches for. */
const UNTRUSTED = /CERT|SELF_SIGNED|ISSUER|ERR_TLS_CERT_ALTNAME_INVALID/;

/**
 * Node tries the addresses of a name in turn and gives each but the last this long. Its own 250 ms would give up
 * every server that is farther away, as over satellites.
 */
const NEXT_ADDRESS_MS = 2_500;

/** Stands for a list of addresses; never resolved, sent or verified (RFC 6761). */
const SEVERAL_ADDRESSES = 'addresses.invalid';

/** Connects; the socket has TCP_NODELAY. Rejects with a {@link NodeError}. */
export async function connectTls(target: TlsTarget): Promise<TLSSocket> {
  const dialer = underlayDialer();
  if (dialer === undefined) return secure(target, undefined);
  const { host, addresses, port, timeoutMs, signal } = target;
  const startedAtMs = performance.now();
  const limit = AbortSignal.timeout(timeoutMs);
  const where = `${host}:${port}`;
  let socket: Socket;
  try {
    const both = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    socket = await dialer.dial({ host, addresses, port, signal: both });
  } catch (error) {
    if (signal?.aborted === true) throw cancelled(where);
    if (limit.aborted) throw timedOut(where, timeoutMs);
    throw describe(error as NodeJS.ErrnoException, where);
  }
  const restMs = Math.max(0, timeoutMs - (performance.now() - startedAtMs));
  return secure({ ...target, timeoutMs: restMs }, socket);
}

/** TLS over a connection, or over one that is made here. */
function secure(target: TlsTarget, over: Socket | undefined): Promise<TLSSocket> {
  const where = `${target.host}:${target.port}`;
  // SNI carries names only; a literal is verified against the certificate's addresses.
  const name = target.serverName ?? target.host;
  const serverName = parseAddress(name) === undefined ? name : undefined;
  const options: ConnectionOptions & HappyEyeballs = {
    // Node tries no other address when it is given one.
    host: target.addresses === undefined ? target.host : SEVERAL_ADDRESSES,
    port: target.port,
    // A pinned certificate is checked below, before the caller sees the socket.
    rejectUnauthorized: target.pin === undefined,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    ...(target.addresses === undefined ? {} : { lookup: answering(target.addresses) }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    // No ALPN: the upgrades behind this connection don't exist in HTTP/2.
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(over === undefined ? {} : { socket: over }),
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const finish = (error: NodeError | undefined): void => {
      clearTimeout(timer);
      target.signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      if (error === undefined) {
        resolve(socket);
      } else {
        // A late error of a socket that nobody waits for is of no interest.
        socket.on('error', () => undefined);
        socket.destroy();
        reject(error);
      }
    };
    const onError = (error: NodeJS.ErrnoException): void => finish(describe(error, where));
    const onAbort = (): void => finish(cancelled(where));
    const timer = setTimeout(() => finish(timedOut(where, target.timeoutMs)), target.timeoutMs);
    target.signal?.addEventListener('abort', onAbort);
    socket.once('error', onError);
    socket.once('secureConnect', () => {
      socket.setNoDelay(true);
      if (target.pin !== undefined && !verifyPinned(socket, target.pin)) finish(wrongPin(where));
      else finish(undefined);
    });
    if (target.signal?.aborted === true) onAbort();
  });
}

/** A resolver that knows one name. */
function answering(addresses: readonly IpAddress[]): NonNullable<ConnectionOptions['lookup']> {
  const found = addresses.map((address) => ({ address, family: familyOf(address) }));
  return (_host, options, callback) => {
    const [first] = found;
    if (options.all === true) callback(null, found);
    else if (first !== undefined) callback(null, first.address, first.family);
  };
}

function describe(error: NodeJS.ErrnoException, where: string): NodeError {
  const code = error.code ?? '';
  if (UNTRUSTED.test(code)) {
    return new NodeError(
      'TLS_UNTRUSTED',
      `${where} has a certificate that this machine does not trust (${code})`,
      'give the auth key that the hub printed (--auth-key; it carries the pin), or give the server a certificate of a known authority',
      { cause: error },
    );
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new NodeError(
      'TLS_FAILED',
      `${where} does not speak TLS (${code})`,
      'check the address and the port of the server; it must be an https one',
      { cause: error },
    );
  }
  return new NodeError(
    'SERVER_UNREACHABLE',
    `${where} can't be reached (${code || error.message})`,
    'check the address, that the server runs, and that a firewall lets TCP to that port through',
    { cause: error },
  );
}

function cancelled(where: string): NodeError {
  return new NodeError('CONNECT_CANCELLED', `the connection to ${where} was given up`, 'try again');
}

function timedOut(where: string, timeoutMs: number): NodeError {
  return new NodeError(
    'SERVER_UNREACHABLE',
    `${where} did not answer within ${Math.round(timeoutMs / 1000)} s`,
    'check the address, that the server runs, and that a firewall lets TCP to that port through',
  );
}

function wrongPin(where: string): NodeError {
  return new NodeError(
    'TLS_PIN_MISMATCH',
    `${where} presents another certificate than the pinned one`,
    'if the hub was set up anew, join again with a new auth key; otherwise somebody is in between: do not continue',
  );
}
