/**
 * One connection to a control server: TLS (pinned or verified), `GET /key`, the upgrade to Noise, HTTP/2
 * inside. Requests are the control client's; this room only moves bytes.
 *
 *     TLS -> GET /key -> TLS -> POST /ts2021 (101) -> Noise IK -> records -> HTTP/2
 */
import { request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { isFailure } from '@warren/core/base/failure';
import { encodeBase64 } from '@warren/core/base/text';
import type { HubPins } from '@warren/core/control/auth-key';
import { CAP_VERSION } from '@warren/core/control/cap-version';
import type { MachineKey, MachinePrivateKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { ClientSession } from '@warren/core/ts2021/client-session';
import { createInitiation } from '@warren/core/ts2021/initiator';
import { parsePin } from '@warren/shell/tls/pins';
import { RecordDuplex } from '@warren/shell/ts2021/record-duplex';
import { NodeError } from '../errors.js';
import { attempt, destroyWith } from '../net/attempt.js';
import { connectTls } from '../net/connect-tls.js';
import { fetchServerKey } from './server-key.js';

/** For a TCP and TLS handshake; official clients give the whole dial as much. */
const DIAL_TIMEOUT_MS = 10_000;
/** For all of it: two dials, the key and the Noise handshake. */
const OPEN_TIMEOUT_MS = 30_000;
/** Netmaps of large networks come in one piece: don't let HTTP/2's 64 KiB default stall them. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Where it is, and what proves that it is the one. */
export interface ControlServer {
  /** `https://host[:port]`, without path. */
  readonly url: URL;
  readonly pins: HubPins | undefined;
  readonly signal: AbortSignal;
}

export interface ControlTarget extends ControlServer {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly machinePrivateKey: MachinePrivateKey;
}

/** Opens the whole stack. Rejects with a {@link NodeError} that says which layer refused. */
export function openControlSession(target: ControlTarget): Promise<ClientHttp2Session> {
  const where = target.url.host;
  const options = {
    signal: target.signal,
    timeoutMs: OPEN_TIMEOUT_MS,
    timedOut: () => refused(where, `it did not get ready within ${OPEN_TIMEOUT_MS / 1000} s`),
  };
  return attempt(options, async (signal) => {
    const serverKey = await fetchServerKey(await dialControl(target, signal), where);
    if (target.pins !== undefined && target.pins.controlKey !== serverKey) {
      throw new NodeError(
        'CONTROL_KEY_MISMATCH',
        `${where} has another control key than the pinned one`,
        'if the hub was set up anew, join again with a new auth key; otherwise somebody is in between: do not continue',
      );
    }
    const duplex = await upgrade(target, await dialControl(target, signal), serverKey);
    const session = connect(target.url.origin, {
      createConnection: () => duplex,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    session.on('connect', () => {
      // The event also comes to a session that was destroyed meanwhile.
      if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
    });
    return session;
  });
}

/** TLS, pinned or verified; the socket is destroyed when `signal` gives the try up. */
export async function dialControl(
  { url, pins }: ControlServer,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = await connectTls({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
    pin: pins === undefined ? undefined : parsePin(`sha256-raw:${pins.certificateSha256}`),
    timeoutMs: DIAL_TIMEOUT_MS,
    signal,
  });
  destroyWith(signal, socket);
  return socket;
}

/** Noise over the upgraded stream; resolves once the server has proved its key. */
async function upgrade(
  target: ControlTarget,
  tls: TLSSocket,
  serverKey: MachineKey,
): Promise<Duplex> {
  const where = target.url.host;
  const initiation = createInitiation({ ...target, serverKey, version: CAP_VERSION });
  if (isFailure(initiation)) throw refused(where, `its key is not usable (${initiation.reason})`);
  const { socket, head } = await requestUpgrade(tls, where, initiation.bytes);
  const session = new ClientSession(initiation);
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      socket.destroy();
      reject(refused(where, reason));
    };
    const onClose = (): void => fail('it hung up during the Noise handshake');
    const onData = (bytes: Uint8Array): void => {
      const plaintext = session.open(bytes);
      if (isFailure(plaintext)) {
        fail(`the Noise handshake failed (${describeFailure(plaintext)})`);
      } else if (session.ready) {
        socket.off('data', onData);
        socket.off('close', onClose);
        resolve(new RecordDuplex(socket, session, plaintext));
      }
    };
    socket.on('error', () => undefined); // `close` follows and tells
    socket.on('close', onClose);
    socket.on('data', onData);
    if (head.length > 0) onData(head);
  });
}

/** A server that refuses says why in an error frame; other failures only have their reason. */
function describeFailure(failure: { readonly reason: string; readonly text?: string }): string {
  return failure.text ?? failure.reason;
}

function requestUpgrade(
  tls: TLSSocket,
  where: string,
  initiation: Uint8Array,
): Promise<{ readonly socket: Duplex; readonly head: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      tls.destroy();
      reject(refused(where, reason));
    };
    const asked = request({
      createConnection: () => tls,
      method: 'POST',
      path: '/ts2021',
      headers: {
        host: where,
        upgrade: 'tailscale-control-protocol',
        connection: 'upgrade',
        'x-tailscale-handshake': encodeBase64(initiation),
        'content-length': '0',
      },
    });
    asked.once('upgrade', (_response, socket, head) => resolve({ socket, head }));
    asked.once('response', (response) => {
      response.resume();
      fail(
        `it answered the upgrade with status ${response.statusCode ?? 0} (a proxy in between that drops the Upgrade header does this)`,
      );
    });
    asked.once('error', (error) => fail(`the connection broke (${error.message})`));
    asked.end();
  });
}

function refused(where: string, reason: string): NodeError {
  return new NodeError(
    'CONTROL_REFUSED',
    `no connection to the control server ${where}: ${reason}`,
    'check the control server and its log; the node tries again by itself when it has joined before',
  );
}
