/**
 * A RelayClient machine over a real TLS socket, for tests on loopback. It does what a node's link does, and lets a
 * test look at every output, stop reading and break the connection.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { RelayClient } from '@warren/core/relay/client';
import type { RelayClientInput, RelayClientOutput } from '@warren/core/relay/io';
import { systemClock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import { type CertificatePin, verifyPinned } from '@warren/shell/tls/pins';

export interface LoopbackOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly port: number;
  readonly pin: CertificatePin;
  readonly privateKey?: NodePrivateKey;
}

/** An upgraded connection. */
export interface Upgraded {
  readonly socket: TLSSocket;
  /** What lies under TLS. */
  readonly raw: Socket;
  readonly head: Uint8Array;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Upgrades to DERP and checks the pin. */
export async function upgradeToDerp(port: number, pin: CertificatePin): Promise<Upgraded> {
  const raw = connectTcp({ host: '127.0.0.1', port });
  const asked = request({
    createConnection: () => connectTls({ socket: raw, rejectUnauthorized: false }),
    path: '/derp',
    headers: { Connection: 'Upgrade', Upgrade: 'DERP' },
  });
  asked.end();
  const [response, socket, head] = (await once(asked, 'upgrade')) as [
    { headers: Upgraded['headers'] },
    TLSSocket,
    Buffer,
  ];
  if (!verifyPinned(socket, pin)) throw new Error('the certificate is not the pinned one');
  return { socket, raw, head, headers: response.headers };
}

export class LoopbackClient {
  readonly key: NodeKey;
  readonly socket: TLSSocket;
  /** Everything the machine said, writes apart. */
  readonly heard: RelayClientOutput[] = [];
  readonly #raw: Socket;
  readonly #client: RelayClient;
  readonly #timer: MachineTimer;
  #notify: (() => void) | undefined;

  private constructor(key: NodeKey, client: RelayClient, upgraded: Upgraded) {
    this.key = key;
    this.#client = client;
    this.socket = upgraded.socket;
    this.#raw = upgraded.raw;
    this.#timer = new MachineTimer(client, systemClock, () => this.tell({ type: 'timeout' }));
    this.socket.on('data', (bytes: Buffer) => this.tell({ type: 'bytes', bytes }));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.#timer.close();
      this.#notify?.();
    });
    this.tell({ type: 'bytes', bytes: upgraded.head });
  }

  /** Connects; resolves when packets flow, rejects when the relay closes before that. */
  static async connect(options: LoopbackOptions): Promise<LoopbackClient> {
    const { crypto, random, port, pin } = options;
    const privateKey = options.privateKey ?? generatePrivateKey('node', random);
    const upgraded = await upgradeToDerp(port, pin);
    const client = new RelayClient({ crypto, random, privateKey }, systemClock.now());
    const link = new LoopbackClient(publicKeyOf(crypto, 'node', privateKey), client, upgraded);
    const isReady = (): boolean => link.heard.some((output) => output.type === 'ready');
    await link.until(() => isReady() || link.socket.destroyed);
    if (!isReady()) throw new Error(`refused; heard: ${link.heard.map(({ type }) => type).join()}`);
    return link;
  }

  get packets(): { readonly source: NodeKey; readonly packet: Uint8Array }[] {
    return this.heard.filter((output) => output.type === 'packet');
  }

  tell(input: RelayClientInput): void {
    this.#client.handle(input, systemClock.now());
    for (let output = this.#client.poll(); output !== undefined; output = this.#client.poll()) {
      if (output.type === 'write') this.socket.write(output.bytes);
      else this.heard.push(output);
      if (output.type === 'close') this.socket.destroy();
    }
    this.#timer.rearm();
    this.#notify?.();
  }

  send(peer: NodeKey, packet: Uint8Array): void {
    this.tell({ type: 'send', peer, packet });
  }

  /** Waits for the machine's outputs, or the end of the socket, to make `holds` true. */
  async until(holds: () => boolean, limitMs = 10_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('waited too long')), limitMs);
        this.#notify = () => {
          if (holds()) resolve();
        };
        this.#notify();
      });
    } finally {
      clearTimeout(timer);
      this.#notify = undefined;
    }
  }

  /** Ends without a word, as a process that was killed: a reset, no TLS close. */
  kill(): void {
    this.#raw.resetAndDestroy();
  }
}
