/**
 * A simulated client's connection: TLS from an address of its own, the upgrade, Noise, HTTP/2. Who the server is, is not
 * checked: the fleet's parent has started it.
 *
 *     TCP -> TLS 1.3 -> POST /ts2021, 101 -> Noise IK -> HTTP/2
 */
import { connect, type TLSSocket } from 'node:tls';
import { DecodeFailure } from '@warren/core/base/failure';
import { encodeBase64 } from '@warren/core/base/text';
import type { MachineKey, MachinePrivateKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { ClientSession } from '@warren/core/ts2021/client-session';
import { createInitiation } from '@warren/core/ts2021/initiator';
import { Http2Client } from './http2-client.js';

/** Capability version of a stock client of 1.98. */
export const STOCK_VERSION = 138;
/** Official clients give a dial 10 s; a server that takes back thousands at once is given more. */
const OPEN_MS = 60_000;
/** What stock clients end up with on processors that have AES: the same work for every server. */
const CIPHER = 'TLS_AES_128_GCM_SHA256';
const CURVE = 'X25519';
const HEAD_END = '\r\n\r\n';
/** An answer to the upgrade is 200 bytes. */
const HEAD_MAX = 16_384;

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  readonly serverKey: MachineKey;
  readonly sourceAddress: string;
  readonly machinePrivateKey: MachinePrivateKey;
  readonly crypto: Crypto;
  readonly random: Random;
}

export interface Link {
  readonly http: Http2Client;
  readonly close: () => void;
}

/** Resolves when requests can be made. `onClose` is called once after that, whoever closed it. */
export function openLink(options: LinkOptions, onClose: () => void): Promise<Link> {
  const { host, port, crypto, random, machinePrivateKey, serverKey, sourceAddress } = options;
  const initiation = createInitiation({
    ...{ crypto, random, machinePrivateKey, serverKey, version: STOCK_VERSION },
  });
  if (initiation instanceof DecodeFailure)
    throw new Error(`the server's key: ${initiation.reason}`);
  const authority = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host, port, localAddress: sourceAddress, rejectUnauthorized: false },
      ...{ minVersion: 'TLSv1.3', ciphers: CIPHER, ecdhCurve: CURVE },
    });
    socket.setNoDelay(true);
    const session = new ClientSession(initiation);
    let isOpen = false;
    let reason = 'the server hung up';
    const end = (why: string): void => {
      reason = why;
      socket.destroy();
    };
    const timer = setTimeout(() => end('it took too long'), OPEN_MS);
    const open = (http: Http2Client): void => {
      clearTimeout(timer);
      isOpen = true;
      resolve({ http, close: () => socket.destroy() });
    };
    const reader = new LinkReader(session, socket, authority, open);
    socket.on('secureConnect', () => socket.write(upgradeRequest(authority, initiation.bytes)));
    socket.on('data', (bytes: Buffer) => {
      try {
        reader.take(bytes);
      } catch (error) {
        end(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('error', (error: Error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (!isOpen) {
        reject(new Error(reason));
        return;
      }
      reader.http?.close();
      onClose();
    });
  });
}

function upgradeRequest(authority: string, initiation: Uint8Array): string {
  const lines = [
    'POST /ts2021 HTTP/1.1',
    `Host: ${authority}`,
    'Upgrade: tailscale-control-protocol',
    'Connection: upgrade',
    `X-Tailscale-Handshake: ${encodeBase64(initiation)}`,
    'Content-Length: 0',
  ];
  return `${lines.join('\r\n')}${HEAD_END}`;
}

/** What comes from the server, layer by layer. */
class LinkReader {
  http: Http2Client | undefined;
  readonly #session: ClientSession;
  readonly #socket: TLSSocket;
  readonly #authority: string;
  readonly #onOpen: (http: Http2Client) => void;
  /** Undefined: the upgrade is answered. */
  #head: Buffer | undefined = Buffer.alloc(0);

  constructor(
    session: ClientSession,
    socket: TLSSocket,
    authority: string,
    onOpen: (http: Http2Client) => void,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#authority = authority;
    this.#onOpen = onOpen;
  }

  /** Throws when the connection is of no use. */
  take(bytes: Buffer): void {
    const rest = this.#head === undefined ? bytes : this.#takeHead(this.#head, bytes);
    if (rest === undefined) return;
    const plaintext = this.#session.open(rest);
    if (plaintext instanceof DecodeFailure) throw new Error(plaintext.reason);
    if (this.http === undefined && this.#session.ready) this.#begin();
    if (plaintext.length === 0) return;
    this.http?.receive(Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length));
  }

  #takeHead(head: Buffer, bytes: Buffer): Buffer | undefined {
    const all = Buffer.concat([head, bytes]);
    const end = all.indexOf(HEAD_END);
    if (end === -1) {
      if (all.length > HEAD_MAX) throw new Error('the upgrade is answered without end');
      this.#head = all;
      return undefined;
    }
    const [first = ''] = all.toString('latin1', 0, end).split('\r\n', 1);
    if (!first.startsWith('HTTP/1.1 101 ')) throw new Error(`the upgrade: ${first}`);
    this.#head = undefined;
    return all.subarray(end + HEAD_END.length);
  }

  #begin(): void {
    this.http = new Http2Client(this.#authority, (plain) => {
      if (!this.#socket.destroyed) this.#socket.write(this.#session.seal(plain));
    });
    this.#onOpen(this.http);
  }
}
