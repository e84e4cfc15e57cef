/** Real relays on loopback, each with a client of its own, and plain UDP sockets, for tests; `close` ends them all. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { parsePin } from '@warren/shell/tls/pins';
import { LoopbackClient } from './loopback-client.js';
import { type RunningRelay, type RunRelayOptions, runRelay } from './run-relay.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();

export class LoopbackRelays {
  readonly #stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-loopback-relays-'));
  /** The latest first. */
  readonly #closing: (() => unknown)[] = [];
  #started = 0;

  /** A relay with a state of its own, and a client that is connected to it. */
  async start(
    stun: Pick<RunRelayOptions, 'stunPort' | 'stunAlternatePort'>,
  ): Promise<[RunningRelay, LoopbackClient]> {
    const relay = await runRelay({
      crypto,
      random,
      clock: systemClock,
      log: silentLogger,
      port: 0,
      ...stun,
      hostName: '127.0.0.1',
      stateDir: path.join(this.#stateDir, `${this.#started++}`),
      regionId: 900,
      regionCode: 'test',
      regionName: 'Test',
    });
    this.#closing.unshift(() => relay.close());
    const pin = parsePin(relay.region.Nodes[0]?.CertName ?? '');
    if (pin === undefined) throw new Error('a region carries a pin');
    const client = await LoopbackClient.connect({ crypto, random, port: relay.port, pin });
    this.#closing.unshift(() => client.socket.destroy());
    return [relay, client];
  }

  /** Bound to any port. */
  async udpSocket(): Promise<Socket> {
    const socket = createSocket('udp4');
    this.#closing.unshift(() => socket.close());
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
    fs.rmSync(this.#stateDir, { recursive: true, force: true });
  }
}
