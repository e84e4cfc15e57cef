/**
 * One connection to one relay region: dials its nodes in order, then runs a RelayClient over the socket.
 * It lives once: whether and when to dial again is the PathEngine's decision.
 */
import type { NodeKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { RelayRegion } from '@warren/core/netmap/types';
import type { Crypto, Random } from '@warren/core/ports';
import { RelayClient } from '@warren/core/relay/client';
import type { RelayClientInput } from '@warren/core/relay/io';
import type { Clock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import { type DialledRelay, dialRelay } from './dial-relay.js';

/**
 * Bytes that may wait in the socket before packets are dropped. A relay that reads slower than we send
 * would otherwise turn memory into latency: 256 KiB is a fifth of a second at 10 Mbit/s.
 */
const MAX_BUFFERED_BYTES = 256 * 1024;

export interface RelayLinkEvents {
  readonly onReady: () => void;
  readonly onPacket: (source: NodeKey, packet: Uint8Array) => void;
  readonly onPeerGone: (peer: NodeKey) => void;
  /** Exactly once, however the link ends; not after `close()`. */
  readonly onClosed: (reason: string) => void;
}

export interface RelayLinkOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly nodePrivateKey: NodePrivateKey;
  readonly region: RelayRegion;
}

export class RelayLink {
  /** Packets dropped because the relay did not read fast enough. */
  dropped = 0;

  readonly #options: RelayLinkOptions;
  readonly #events: RelayLinkEvents;
  #client: RelayClient | undefined;
  #timer: MachineTimer | undefined;
  readonly #abort = new AbortController();
  #socket: DialledRelay['socket'] | undefined;
  #ended = false;

  constructor(options: RelayLinkOptions, events: RelayLinkEvents) {
    this.#options = options;
    this.#events = events;
    void this.#dial();
  }

  send(peer: NodeKey, packet: Uint8Array): void {
    if ((this.#socket?.writableLength ?? 0) > MAX_BUFFERED_BYTES) this.dropped++;
    else this.#handle({ type: 'send', peer, packet });
  }

  prefer(home: boolean): void {
    this.#handle({ type: 'prefer', home });
  }

  /** Asks the relay for a pong; without one the link ends. */
  probe(): void {
    this.#handle({ type: 'probe' });
  }

  close(): void {
    this.#end(undefined);
  }

  async #dial(): Promise<void> {
    const nodes = this.#options.region.nodes.filter((node) => !node.stunOnly);
    let reason = 'no-relay-in-region';
    for (const node of nodes) {
      try {
        const dialled = await dialRelay(node, this.#abort.signal);
        if (this.#ended) dialled.socket.destroy();
        else this.#run(dialled);
        return;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    this.#end(reason);
  }

  #run({ socket, head }: DialledRelay): void {
    const { clock, crypto, nodePrivateKey, random } = this.#options;
    this.#socket = socket;
    // Made now, not at the dial: its deadline for the introduction starts with its life.
    const client = new RelayClient({ crypto, random, privateKey: nodePrivateKey }, clock.now());
    this.#client = client;
    this.#timer = new MachineTimer(client, clock, () => this.#handle({ type: 'timeout' }));
    socket.on('data', (bytes: Uint8Array) => this.#handle({ type: 'bytes', bytes }));
    socket.on('error', (error: Error) => this.#end(error.message));
    socket.on('close', () => this.#end('connection-closed'));
    if (head.length > 0) this.#handle({ type: 'bytes', bytes: head });
    this.#drain();
  }

  #handle(input: RelayClientInput): void {
    if (this.#ended) return;
    this.#client?.handle(input, this.#options.clock.now());
    this.#drain();
  }

  #drain(): void {
    for (;;) {
      const output = this.#ended ? undefined : this.#client?.poll();
      if (output === undefined) break;
      switch (output.type) {
        case 'write':
          this.#socket?.write(output.bytes);
          break;
        case 'ready':
          this.#events.onReady();
          break;
        case 'packet':
          this.#events.onPacket(output.source, output.packet);
          break;
        case 'peer-gone':
          this.#events.onPeerGone(output.peer);
          break;
        case 'close':
          this.#end(output.reason);
          break;
        case 'health':
        case 'restarting':
          break;
      }
    }
    this.#timer?.rearm();
  }

  #end(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.close();
    this.#abort.abort();
    this.#socket?.destroy();
    if (reason !== undefined) this.#events.onClosed(reason);
  }
}
