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
import { connectTls } from '../net/connect-tls.js';
import { fetchServerKey } from './server-key.js';

/** TLS and upgrade each; official clients give the whole dial 10 s. */
const STEP_TIMEOUT_MS = 10_000;
/** Netmaps of large networks come in one piece: don't let HTTP/2's 64 KiB default stall them. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export interface ControlTarget {
  /** `https://host[:port]`, without path. */
  readonly url: URL;
  readonly pins: HubPins | undefined;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly machinePrivateKey: MachinePrivateKey;
  readonly signal: AbortSignal;
}

/** Opens the whole stack. Rejects with a {@link NodeError} that says which layer refused. */
export async function openControlSession(target: ControlTarget): Promise<ClientHttp2Session> {
  const where = target.url.host;
  const serverKey = await fetchServerKey(await dial(target), where);
  if (target.pins !== undefined && target.pins.controlKey !== serverKey) {
    throw new NodeError(
      'CONTROL_KEY_MISMATCH',
      `${where} has another control key than the pinned one`,
      'if the hub was set up anew, join again with a new auth key; otherwise somebody is in between: do not continue',
    );
  }
  const duplex = await upgrade(target, await dial(target), serverKey);
  const session = connect(target.url.origin, {
    createConnection: () => duplex,
    settings: { initialWindowSize: WINDOW_BYTES },
  });
  session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  return session;
}

function dial(target: ControlTarget): Promise<TLSSocket> {
  const { url, pins, signal } = target;
  return connectTls({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
    pin: pins === undefined ? undefined : parsePin(`sha256-raw:${pins.certificateSha256}`),
    timeoutMs: STEP_TIMEOUT_MS,
    signal,
  });
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
      clearTimeout(timer);
      socket.destroy();
      reject(refused(where, reason));
    };
    const timer = setTimeout(() => fail('the Noise handshake was not answered'), STEP_TIMEOUT_MS);
    const onClose = (): void => fail('it hung up during the Noise handshake');
    const onData = (bytes: Uint8Array): void => {
      const plaintext = session.open(bytes);
      if (isFailure(plaintext)) {
        fail(`the Noise handshake failed (${describeFailure(plaintext)})`);
      } else if (session.ready) {
        clearTimeout(timer);
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
      timeout: STEP_TIMEOUT_MS,
    });
    asked.once('upgrade', (_response, socket, head) => {
      tls.setTimeout(0);
      resolve({ socket, head });
    });
    asked.once('response', (response) => {
      response.resume();
      fail(
        `it answered the upgrade with status ${response.statusCode ?? 0} (a proxy in between that drops the Upgrade header does this)`,
      );
    });
    asked.once('timeout', () => fail('it did not answer the upgrade'));
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
